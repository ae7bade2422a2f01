import type { ObjectMeta } from "./metadata.ts";
import type { Fault, Schema } from "./schema.ts";

/** A kind that Fairway reads: its name in the API, and what its objects look like. */
export interface Kind {
  /** API group, "" for core. */
  readonly group: string;
  /** Served versions whose objects have the same shape; the first is the one that decoded objects carry. */
  readonly versions: readonly [string, ...string[]];
  readonly kind: string;
  readonly plural: string;
  readonly scope: "Namespaced" | "Cluster";
  /** Schema of the whole object; `metadata` is checked by its own. Called once, when the first object is decoded. */
  readonly schema: () => Schema;
  /** Of the status, which others write, what Fairway reads; without it the status is left out. */
  readonly status?: Schema;
  /** What schema and rules cannot say, asked of an object that satisfies both. */
  readonly verify?: (object: Readonly<Record<string, unknown>>) => Fault[];
}

/** What every decoded object has. Objects are frozen plain data. */
export interface ObjectOf<KindName extends string, Spec> {
  readonly apiVersion: string;
  readonly kind: KindName;
  readonly metadata: ObjectMeta;
  readonly spec: Spec;
}

/** All levels of a type read-only, as decoded objects are. */
export type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;

/** `gateway.networking.k8s.io/v1`; core has no group. */
export function apiVersionOf(kind: Pick<Kind, "group" | "versions">): string {
  return kind.group === "" ? kind.versions[0] : `${kind.group}/${kind.versions[0]}`;
}
