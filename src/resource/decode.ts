import { apiVersionOf, type Kind } from "./kind.ts";
import { metadataSchema } from "./metadata.ts";
import { KINDS, type Resource } from "./resource.ts";
import { compileRules, type RulesCheck } from "./rules.ts";
import type { Fault, Schema } from "./schema.ts";
import { compileStructure, type StructureCheck } from "./structure.ts";

type Decoded =
  | { readonly resource: Resource; readonly faults?: undefined }
  | {
      readonly resource?: undefined;
      readonly faults: readonly Fault[];
      /** What the object seems to be (see resourceName), as far as it says so; its earlier version stays. */
      readonly name: string | undefined;
    };

/** Decodes and checks values as objects of the kinds in KINDS. */
export type Decoder = (value: unknown) => Decoded;

interface Check {
  readonly structure: StructureCheck;
  readonly rules: RulesCheck;
}

/**
 * Makes a decoder. It checks a value against its kind's schema, strictly, fills in defaults (in the value itself,
 * which must not be used otherwise), and checks the CEL rules: the order of an API server. All faults at once.
 * Schemas are compiled when the first object of their kind comes.
 */
export function makeDecoder(): Decoder {
  const checks = new Map<Kind, Check>();
  return (value) => {
    if (!isRecord(value))
      return { faults: [{ path: [], reason: "not an object with apiVersion and kind" }], name: undefined };
    const kind = findKind(value);
    if (typeof kind === "string") return { faults: [{ path: ["kind"], reason: kind }], name: undefined };
    let check = checks.get(kind);
    if (check === undefined) {
      const schema = wholeSchema(kind);
      check = { structure: compileStructure(schema), rules: compileRules(schema) };
      checks.set(kind, check);
    }
    const metadata = completeMetadata(value["metadata"], kind);
    const name = nameOf(kind, metadata);
    const object: Record<string, unknown> = { ...value, apiVersion: apiVersionOf(kind), ...(metadata && { metadata }) };
    const faults = check.structure(object);
    if (faults.length === 0) faults.push(...check.rules(object));
    if (faults.length === 0 && kind.verify !== undefined) faults.push(...kind.verify(object));
    if (faults.length > 0) return { faults, name };
    if (kind.status === undefined) delete object["status"];
    freeze(object);
    return isResource(object) ? { resource: object } : { faults: [{ path: [], reason: "not a resource" }], name };
  };
}

/** The kind's entry, or the reason why there is none. */
function findKind(value: Readonly<Record<string, unknown>>): Kind | string {
  const { apiVersion, kind: name } = value;
  if (typeof apiVersion !== "string" || typeof name !== "string") return "apiVersion and kind are required";
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/", 2) : ["", apiVersion];
  const kind = Object.values(KINDS).find((known) => known.kind === name && known.group === group);
  if (kind === undefined) return `Fairway does not read ${name} of ${apiVersion}`;
  if (!kind.versions.includes(version ?? ""))
    return `${name} is read in version ${kind.versions.join(" and ")}, not ${version}`;
  return kind;
}

/** `status` is what controllers write; a file that was exported has one, and of most kinds it is nothing to read. */
function wholeSchema(kind: Kind): Schema {
  const schema = kind.schema();
  return {
    ...schema,
    required: [...(schema.required ?? []), "metadata"],
    properties: {
      ...schema.properties,
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: metadataSchema,
      status: { ...kind.status, "x-kubernetes-preserve-unknown-fields": true },
    },
  };
}

/** Fills in what objects from a directory leave out: the namespace is `default`, as with kubectl. */
function completeMetadata(metadata: unknown, kind: Kind): Record<string, unknown> | undefined {
  if (!isRecord(metadata)) return undefined;
  return {
    ...metadata,
    namespace: kind.scope === "Cluster" ? "" : (metadata["namespace"] ?? "default"),
    labels: metadata["labels"] ?? {},
    annotations: metadata["annotations"] ?? {},
    creationTimestamp: metadata["creationTimestamp"] ?? "",
    generation: metadata["generation"] ?? 0,
  };
}

function nameOf(kind: Kind, metadata: Readonly<Record<string, unknown>> | undefined): string | undefined {
  if (typeof metadata?.["name"] !== "string") return undefined;
  const space = metadata["namespace"];
  return space === "" ? `${kind.kind} ${metadata["name"]}` : `${kind.kind} ${String(space)}/${metadata["name"]}`;
}

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const item of Object.values(value)) freeze(item);
}

/** The schema has checked everything else. */
function isResource(value: object): value is Resource {
  return "kind" in value && typeof value.kind === "string" && Object.hasOwn(KINDS, value.kind);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
