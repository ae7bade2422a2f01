import { versionOf } from "#src/config/stream/entry.ts";
import type { KubeObject } from "./kube-object.ts";

/** Annotation with the hash of what was applied last, which tells when a field was taken out. */
const APPLIED = "fairway.dev/applied";

/** The object as it is to be applied. */
export function withHash(object: KubeObject): KubeObject {
  const annotations = { ...object.metadata.annotations, [APPLIED]: versionOf(object) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** Whether an object that has its hash is there as it should be, whatever others have added to it. */
export function isApplied(desired: KubeObject, existing: KubeObject | undefined): boolean {
  return existing !== undefined && contains(existing, desired);
}

/** Lists must be the same in length; members that are only in the first do not matter. */
function contains(whole: unknown, part: unknown): boolean {
  if (part === undefined) return true;
  if (Array.isArray(part)) {
    return (
      Array.isArray(whole) && whole.length === part.length && part.every((item, index) => contains(whole[index], item))
    );
  }
  if (!isRecord(part)) return whole === part;
  return isRecord(whole) && Object.entries(part).every(([name, member]) => contains(whole[name], member));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
