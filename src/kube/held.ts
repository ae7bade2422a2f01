/** An object as the source holds it: decoded when it is of a kind that Fairway reads, else as it came. */
import { isDeepStrictEqual } from "node:util";
import type { SourceFault } from "#src/config/source/snapshot.ts";
import { type Reading, readObject } from "#src/config/source/object.ts";
import type { Kind } from "#src/resource/kind.ts";
import { KINDS, type Resource } from "#src/resource/resource.ts";
import { formatPath } from "#src/resource/schema.ts";
import { type KubeKind, type KubeMetadata, type KubeObject, objectName } from "./object.ts";
import { trimBuiltIn, trimMetadata } from "./trim.ts";

export interface HeldObject {
  /** `HTTPRoute shop/cart`, as resourceName has it. */
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** 0 for kinds that have none. */
  readonly generation: number;
  /** Of an object that is not valid its previous version; undefined when there is none, and for kinds not read. */
  readonly resource: Resource | undefined;
  /** Why the object as it is now is not valid; `file` is `HTTPRoute shop/cart@RESOURCEVERSION`. */
  readonly faults: readonly SourceFault[];
  /** As the API server has it; undefined when there is none. */
  readonly status: unknown;
  /** The whole object, of kinds that Fairway does not read as configuration (Pods, Deployments). */
  readonly object: KubeObject | undefined;
}

/** Makes what is held of an object from what the API server sends and from what was held before. */
export type Hold = (object: KubeObject, previous: HeldObject | undefined) => HeldObject;

const NO_FAULTS: readonly SourceFault[] = [];
/** An object of a megabyte can be wrong in a thousand places. */
const MAX_FAULTS = 20;

/** Groups whose kinds are CustomResourceDefinitions, with `generation` and schemas that are Fairway's own or vendored. */
const CUSTOM_GROUPS: ReadonlySet<string> = new Set(["fairway.dev", "gateway.networking.k8s.io"]);

export function makeHold(kind: KubeKind, reading: Reading): Hold {
  const known = Object.entries(KINDS).find(([name, one]) => name === kind.kind && one.group === kind.group)?.[1];
  return known === undefined ? holdWhole : (object, previous) => holdDecoded(known, reading, object, previous);
}

/** As the API server has it, less what only it needs. */
export function holdWhole(object: KubeObject): HeldObject {
  const { resourceVersion = "" } = object.metadata;
  const whole = { ...object, metadata: { ...trimMetadata(object.metadata), resourceVersion } };
  return { ...identityOf(object), resource: undefined, faults: NO_FAULTS, status: object["status"], object: whole };
}

function holdDecoded(kind: Kind, reading: Reading, raw: KubeObject, previous: HeldObject | undefined): HeldObject {
  const identity = identityOf(raw);
  const { status } = raw;
  // An object of the same name that was created anew owes nothing to the one before.
  const last = previous?.uid === identity.uid ? previous : undefined;
  const common = { ...identity, status, object: undefined };
  const metadata = trimMetadata(raw.metadata);
  if (last?.resource !== undefined && isUnchanged(kind, last, identity.generation, metadata))
    return { ...common, resource: last.resource, faults: NO_FAULTS };
  const trimmed = { ...raw, metadata };
  const value = CUSTOM_GROUPS.has(kind.group) ? trimmed : trimBuiltIn(trimmed, kind.schema());
  const read = readObject(value, reading);
  if (read.resource === undefined) {
    const file = `${identity.name}@${identity.resourceVersion}`;
    const faults = read.faults
      .slice(0, MAX_FAULTS)
      .map(({ path, line, reason }) => ({ file, line, path: formatPath(path), reason }));
    return { ...common, resource: last?.resource, faults };
  }
  const isSame = last?.resource !== undefined && isDeepStrictEqual(last.resource, read.resource);
  return { ...common, resource: isSame ? last.resource : read.resource, faults: NO_FAULTS };
}

/** Only the status was written: an API server counts every other change of a custom kind in `generation`. */
function isUnchanged(kind: Kind, last: HeldObject, generation: number, metadata: KubeMetadata): boolean {
  if (!CUSTOM_GROUPS.has(kind.group) || generation === 0 || last.generation !== generation) return false;
  if (last.faults.length > 0 || kind.status !== undefined) return false;
  return isDeepStrictEqual({ namespace: "", labels: {}, annotations: {}, ...metadata }, last.resource?.metadata);
}

function identityOf({
  kind,
  metadata,
}: KubeObject): Pick<HeldObject, "generation" | "name" | "resourceVersion" | "uid"> {
  const { name, namespace = "", uid = "", resourceVersion = "", generation } = metadata;
  return {
    name: objectName(kind, { namespace, name }),
    uid,
    resourceVersion,
    generation: typeof generation === "number" ? generation : 0,
  };
}
