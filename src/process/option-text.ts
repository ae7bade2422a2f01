/** Options as text: how a value is written, read and explained. Pure. */
import type { NumberOption, Option, OptionValue } from "./option.ts";

const UNITS: Readonly<Record<NumberOption["type"], Readonly<Record<string, number>>>> = {
  integer: { "": 1 },
  number: { "": 1 },
  duration: { ms: 1, s: 1000, m: 60_000, h: 3_600_000 },
  bytes: { "": 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 },
};

const FORM: Readonly<Record<NumberOption["type"], string>> = {
  integer: "a whole number",
  number: "a number",
  duration: "a duration such as 250ms, 10s, 5m or 1h",
  bytes: "a size such as 65536, 64KiB, 512MiB or 4GiB",
};

export type ParsedOption = { readonly value: OptionValue } | { readonly fault: string };

/** `text` as the option's value, or what is wrong with it: "is not a whole number". */
export function parseOptionText(option: Option, text: string): ParsedOption {
  switch (option.type) {
    case "boolean":
      if (/^(true|1|yes|on)$/i.test(text)) return { value: true };
      if (/^(false|0|no|off)$/i.test(text)) return { value: false };
      return { fault: "is not true or false" };
    case "string":
      if (option.choices !== undefined && !option.choices.includes(text)) {
        return { fault: `is not one of ${option.choices.join(", ")}` };
      }
      return { value: text };
    case "list":
      return {
        value: text
          .split(option.separator ?? ",")
          .map((item) => item.trim())
          .filter((item) => item !== ""),
      };
    case "integer":
    case "number":
    case "duration":
    case "bytes":
      break;
  }
  return parseNumber(option, text);
}

function parseNumber(option: NumberOption, text: string): ParsedOption {
  const [, digits, suffix] = /^(-?\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = digits === undefined ? undefined : UNITS[option.type][suffix!];
  if (factor === undefined) return { fault: `is not ${FORM[option.type]}` };
  const value = Number(digits) * factor;
  if (option.type !== "number" && !Number.isSafeInteger(value)) return { fault: `is not ${FORM[option.type]}` };
  if (option.min !== undefined && value < option.min) return { fault: `is below ${formatNumber(option, option.min)}` };
  if (option.max !== undefined && value > option.max) return { fault: `is above ${formatNumber(option, option.max)}` };
  return { value };
}

/** As it would be given: `10s`, `64MiB`, `8`. */
export function formatOptionValue(option: Option, value: OptionValue): string {
  if (typeof value === "number" && option.type !== "boolean" && option.type !== "string" && option.type !== "list") {
    return formatNumber(option, value);
  }
  return Array.isArray(value) ? value.join(option.type === "list" ? option.separator : ",") : String(value);
}

function formatNumber(option: NumberOption, value: number): string {
  const best = Object.entries(UNITS[option.type]).findLast(([, factor]) => value !== 0 && value % factor === 0);
  const [suffix, factor] = best ?? [option.type === "duration" ? "ms" : "", 1];
  return `${value / factor}${suffix}`;
}

/** Sentence, bounds and default: what --help and the reference pages show. */
export function explainOption(option: Option): string {
  const notes: string[] = [];
  if (option.type === "string" && option.choices !== undefined) notes.push(`one of ${option.choices.join(", ")}`);
  if ("min" in option && option.min !== undefined) notes.push(`at least ${formatNumber(option, option.min)}`);
  if ("max" in option && option.max !== undefined) notes.push(`at most ${formatNumber(option, option.max)}`);
  if ("unit" in option && option.unit !== undefined) notes.push(`in ${option.unit}`);
  const isSecret = option.type === "string" && option.secret === true;
  const byDefault = formatOptionValue(option, option.default);
  if (!isSecret && byDefault !== "") notes.push(`default ${byDefault}`);
  return notes.length === 0 ? option.help : `${option.help} (${notes.join("; ")})`;
}

/** `drainTimeout` -> `drain-timeout`. */
export function flagName(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Where the environment may set it, the most particular first: FAIRWAY_DNS_DRAIN_TIMEOUT, FAIRWAY_DRAIN_TIMEOUT. */
export function environmentNames(program: string, name: string, option: Option): readonly string[] {
  const own = flagName(name).replaceAll("-", "_").toUpperCase();
  const particular = `FAIRWAY_${program.replaceAll("-", "_").toUpperCase()}_${own}`;
  return option.shared === true ? [particular, `FAIRWAY_${own}`] : [particular];
}
