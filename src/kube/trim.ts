/** What of an object is kept: a cluster has tens of thousands. */
import { metadataSchema } from "#src/resource/metadata.ts";
import type { Schema } from "#src/resource/schema.ts";
import { isRecord, type KubeMetadata, type KubeObject } from "./object.ts";

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** Half of many an object, and for the API server alone; an object's version stands beside it. */
const DROPPED_METADATA: ReadonlySet<string> = new Set(["managedFields", "resourceVersion", "selfLink", "generateName"]);
/** Of each endpoint of an EndpointSlice, what is for kube-proxy and for people. */
const DROPPED_OF_ENDPOINT: ReadonlySet<string> = new Set(["targetRef", "hints", "deprecatedTopology", "hostname"]);

/** The metadata without what nobody here reads. Fields that this version of the API does not know are left out too. */
export function trimMetadata(metadata: KubeMetadata): KubeMetadata {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (DROPPED_METADATA.has(name) || value === null || metadataSchema.properties?.[name] === undefined) continue;
    kept[name] = name === "annotations" ? without(value, LAST_APPLIED) : value;
  }
  return { ...kept, name: metadata.name };
}

function without(value: unknown, name: string): unknown {
  if (!isRecord(value) || value[name] === undefined) return value;
  const { [name]: _, ...others } = value;
  return others;
}

/**
 * Built-in kinds grow fields with each release of Kubernetes, and the schemas here name only those in use: others are
 * left out, and so is null, which is how the API server writes what is not set. (A field of a custom kind that is not
 * known is one that we would not honour: decoding refuses it.)
 */
export function trimBuiltIn(object: KubeObject, schema: Schema): Record<string, unknown> {
  const { apiVersion, kind, metadata, ...rest } = object;
  const fields = prune(schema, rest);
  const kept: Record<string, unknown> = { apiVersion, kind, metadata, ...(isRecord(fields) && fields) };
  if (kind === "EndpointSlice" && !isOwnSlice(metadata) && Array.isArray(kept["endpoints"]))
    kept["endpoints"] = kept["endpoints"].map((endpoint: unknown) => omit(endpoint, DROPPED_OF_ENDPOINT));
  return kept;
}

/** Fairway's own slices are compared with what they should be, and tell which pods are in use. */
function isOwnSlice(metadata: unknown): boolean {
  const labels = isRecord(metadata) ? metadata["labels"] : undefined;
  return isRecord(labels) && labels["endpointslice.kubernetes.io/managed-by"] === "fairway.dev";
}

function prune(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) return schema.items === undefined ? value : value.map((item) => prune(schema.items!, item));
  if (!isRecord(value) || schema.properties === undefined) return value;
  const kept: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    const field = schema.properties[name];
    if (item === null || (field === undefined && schema.additionalProperties === undefined)) continue;
    kept[name] = field === undefined ? item : prune(field, item);
  }
  return kept;
}

function omit(value: unknown, names: ReadonlySet<string>): unknown {
  return isRecord(value) ? Object.fromEntries(Object.entries(value).filter(([name]) => !names.has(name))) : value;
}
