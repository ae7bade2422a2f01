/** Objects as they are applied and read: plain JSON. */
import type { Resource } from "#src/resource/resource.ts";

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

export interface KubeMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly deletionTimestamp?: string;
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: KubeMetadata;
  /** `spec`, or what the kind has instead. */
  readonly [field: string]: unknown;
}

/** What is to be deleted; with the version that was seen, so that one which has changed since is looked at again. */
export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** An object of ours that was read as a resource, as one that is compared with what it should be. */
export function ownObject(
  resource: Resource,
  { uid, resourceVersion }: { readonly uid: string; readonly resourceVersion: string },
): KubeObject {
  return { ...resource, metadata: { ...resource.metadata, uid, resourceVersion } };
}

/** `Service shop/web-fairway`. */
export function objectKey({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}
