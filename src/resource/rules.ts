import { isIP } from "node:net";
import { CelScalar, type CelInput, celEnv, celFunc, celList, celMap, isCelError, parse, plan } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import type { Fault, Rule, Schema } from "./schema.ts";

/** Checks the CEL rules of a schema on a value that has its structure. */
export type RulesCheck = (value: unknown) => Fault[];

type Path = readonly (string | number)[];
type Visit = (value: unknown, path: Path, faults: Fault[]) => void;

/** Of Kubernetes' own CEL library what the rules here use; its list and regular expression functions are CEL's. */
const environment = celEnv({
  funcs: [...strings, celFunc("isIP", [CelScalar.STRING], CelScalar.BOOL, isAddress)],
  variables: { self: CelScalar.DYN },
});

/** As Kubernetes' CEL has it: no zone, and no IPv4 address in IPv6 clothes. */
function isAddress(text: string): boolean {
  const family = isIP(text);
  if (family !== 6) return family === 4;
  return !text.includes("%") && !/^\[::ffff(:[\da-f]+){2}\]$/.test(new URL(`http://[${text}]`).hostname);
}

/**
 * Compiles the `x-kubernetes-validations` of a schema at all its levels. Rules on transitions (`oldSelf`) are left
 * out: they guard an update of a stored object, and a directory stores nothing. A rule that cannot be evaluated on
 * a value refuses it, as it does in the API server.
 */
export function compileRules(schema: Schema): RulesCheck {
  const visit = compileVisit(schema);
  return (value) => {
    const faults: Fault[] = [];
    visit?.(value, [], faults);
    return faults;
  };
}

/** Undefined where neither the schema nor anything below it has rules, so that most values are never walked. */
function compileVisit(schema: Schema): Visit | undefined {
  const rules = (schema["x-kubernetes-validations"] ?? []).filter(({ rule }) => !/\boldSelf\b/.test(rule));
  const checks = rules.map((rule) => compileRule(rule, schema));
  const fields = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const visit = compileVisit(child);
    return visit === undefined ? [] : [{ name, visit }];
  });
  const each = schema.items && compileVisit(schema.items);
  const values =
    typeof schema.additionalProperties === "object" ? compileVisit(schema.additionalProperties) : undefined;
  if (checks.length === 0 && fields.length === 0 && each === undefined && values === undefined) return undefined;
  return (value, path, faults) => {
    if (value === undefined) return;
    const self = checks.length === 0 ? undefined : toCel(value, schema);
    if (self !== undefined) {
      for (const check of checks) {
        const reason = check(self);
        if (reason !== undefined) faults.push({ path, reason });
      }
    }
    if (Array.isArray(value)) value.forEach((item, index) => each?.(item, [...path, index], faults));
    else if (isRecord(value)) {
      for (const { name, visit } of fields) visit(value[name], [...path, name], faults);
      if (values !== undefined) for (const [name, item] of Object.entries(value)) values(item, [...path, name], faults);
    }
  };
}

const planRule = (rule: string) => plan(environment, parse(rule));

/** Rules at all levels of a schema that are no CEL: for whoever declares them, since checks read a rule when it is first needed. */
export function malformedRules(schema: Schema): string[] {
  const own = (schema["x-kubernetes-validations"] ?? []).flatMap(({ rule }) => {
    try {
      planRule(rule);
      return [];
    } catch (error) {
      return [`${rule}: ${String(error)}`];
    }
  });
  const { properties = {}, items, additionalProperties } = schema;
  const below = [...Object.values(properties), items, additionalProperties].filter(
    (child) => typeof child === "object",
  );
  return [...own, ...below.flatMap(malformedRules)];
}

/** A rule's own reason when it refuses, undefined when it holds. */
function compileRule({ rule, message }: Rule, schema: Schema): (self: CelInput) => string | undefined {
  const reason = message ?? `does not satisfy ${rule} (${schema.type ?? "value"})`;
  // Most rules are about fields that nobody sets.
  let evaluate: ReturnType<typeof planRule> | undefined;
  return (self) => {
    evaluate ??= planRule(rule);
    const verdict = evaluate({ self });
    if (isCelError(verdict)) return `${reason} (cannot evaluate: ${verdict.message})`;
    return verdict === true ? undefined : reason;
  };
}

/** Reserved words of CEL, which a rule writes as `__word__` where a field has such a name (Kubernetes' escaping). */
const RESERVED = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

/** Gives a value the types that rules expect: integers by the schema, so that `self == 1` holds. */
function toCel(value: unknown, schema: Schema | undefined): CelInput {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number") return schema?.type === "number" ? value : BigInt(Math.trunc(value));
  if (Array.isArray(value)) return celList(value.map((item) => toCel(item, schema?.items)));
  if (!isRecord(value)) throw new Error(`Cannot check rules on a ${typeof value}`);
  const fields = new Map<string, CelInput>();
  for (const [key, item] of Object.entries(value)) {
    const field = schema?.properties?.[key];
    const name = field !== undefined && RESERVED.has(key) ? `__${key}__` : key;
    if (item !== undefined) fields.set(name, toCel(item, field ?? openValues(schema)));
  }
  return celMap(fields);
}

function openValues(schema: Schema | undefined): Schema | undefined {
  return typeof schema?.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
