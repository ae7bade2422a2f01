/** Objects as the API server sends them, and where each has its place. */
import { apiVersionOf, type Kind } from "#src/resource/kind.ts";

/** Any object: plain JSON. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: KubeMetadata;
  readonly [field: string]: unknown;
}

export interface KubeMetadata {
  readonly name: string;
  /** Absent for objects of the cluster. */
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly [field: string]: unknown;
}

/** What of a kind's definition its place in the API follows from. Versions are tried in order. */
export type KubeKind = Pick<Kind, "group" | "versions" | "kind" | "plural" | "scope">;

/** One object's place. */
export interface ObjectPlace {
  /** "" for kinds of the cluster. */
  readonly namespace: string;
  readonly name: string;
}

/** `/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL`; without a namespace: objects of all namespaces. */
export function collectionPath(kind: KubeKind, namespace: string, version: string = kind.versions[0]): string {
  const root = kind.group === "" ? `/api/${version}` : `/apis/${kind.group}/${version}`;
  const space = kind.scope === "Cluster" || namespace === "" ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${space}/${kind.plural}`;
}

/** The place of one object, or of its subresource (`status`). */
export function objectPath(kind: KubeKind, { namespace, name }: ObjectPlace, subresource = ""): string {
  const path = `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}`;
  return subresource === "" ? path : `${path}/${subresource}`;
}

/** `Pod shop/cart-0`, as resourceName has it. */
export function objectName(kind: string, { namespace, name }: ObjectPlace): string {
  return namespace === "" ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

/** The value as an object of the kind (items of a list do not say their kind); undefined: it is none. */
export function asKubeObject(value: unknown, kind: KubeKind): KubeObject | undefined {
  if (!isRecord(value) || !isRecord(value["metadata"])) return undefined;
  const { metadata } = value;
  if (typeof metadata["name"] !== "string" || typeof metadata["resourceVersion"] !== "string") return undefined;
  if (metadata["namespace"] !== undefined && typeof metadata["namespace"] !== "string") return undefined;
  return {
    ...value,
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { ...metadata, name: metadata["name"] },
  };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
