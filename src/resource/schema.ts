/**
 * The structural schema of a Kubernetes kind: the subset of OpenAPI v3 that a CustomResourceDefinition may carry
 * (apiextensions.k8s.io/v1), and two keywords of our own that documentation reads and CRDs do not get.
 */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly "x-kubernetes-validations"?: readonly Rule[];
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: string;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  /** Unit of the value, for documentation: "bytes", "seconds", "requests". */
  readonly "x-unit"?: string;
}

/** One CEL rule; `self` is the value that the schema describes. */
export interface Rule {
  readonly rule: string;
  readonly message?: string;
}

/** One reason why a value is refused, and where in it. */
export interface Fault {
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

/** `spec.rules[0].matches[1].path`, as kubectl prints it. */
export function formatPath(path: readonly (string | number)[]): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}
