/**
 * How a program's options are declared: each once, with its type, default, bounds, unit and sentence. The command line,
 * the environment, `--help` and the reference pages are made from the declaration. Names are camelCase here,
 * `--kebab-case` on the command line and `FAIRWAY_UPPER_CASE` in the environment.
 */

interface Described {
  /** One sentence for --help and the reference pages, without the default and the bounds: those are added. */
  readonly help: string;
  /** Also settable for all services at once: FAIRWAY_WORKERS beside FAIRWAY_DNS_WORKERS. */
  readonly shared?: boolean;
  /** One letter: `o` for `-o`. */
  readonly short?: string;
}

/** `integer` and `number` carry `unit` for the reader; `duration` is given as `250ms`, `10s`, `5m`, `1h` and is milliseconds; `bytes` as `64KiB`, `512MiB`, `4GiB` and is bytes. */
export interface NumberOption extends Described {
  readonly type: "integer" | "number" | "duration" | "bytes";
  readonly default: number;
  readonly min?: number;
  readonly max?: number;
  readonly unit?: string;
}

interface BooleanOption extends Described {
  readonly type: "boolean";
  readonly default: boolean;
}

interface StringOption extends Described {
  readonly type: "string";
  readonly default: string;
  readonly choices?: readonly string[];
  /** Never shown in --help, logs or support bundles. */
  readonly secret?: boolean;
}

/** Given several times, or once with commas, or with another separator where values have commas. */
interface ListOption extends Described {
  readonly type: "list";
  readonly separator?: string;
  readonly default: readonly string[];
}

export type Option = NumberOption | BooleanOption | StringOption | ListOption;

export type Options = Readonly<Record<string, Option>>;

export type OptionValue = number | boolean | string | readonly string[];

type ValueOf<O extends Option> = O extends NumberOption
  ? number
  : O extends BooleanOption
    ? boolean
    : O extends ListOption
      ? readonly string[]
      : O extends { readonly choices: readonly (infer C extends string)[] }
        ? C
        : string;

/** The values that a declaration yields, every one present. */
export type OptionValues<O extends Options> = { readonly [K in keyof O]: ValueOf<O[K]> };

/**
 * Gives values that came by way of text their types back, when every declared option is there with a value of its type.
 */
export function areValuesOf<const O extends Options>(declared: O, values: object): values is OptionValues<O> {
  const given = new Map<string, unknown>(Object.entries(values));
  return Object.entries(declared).every(([name, option]) => {
    const value = given.get(name);
    if (option.type === "string" && option.choices !== undefined)
      return option.choices.some((choice) => choice === value);
    return Array.isArray(value) ? Array.isArray(option.default) : typeof value === typeof option.default;
  });
}
