import { asKubeObject, isRecord, type KubeKind, type KubeObject } from "./object.ts";

/** One line of a watch (metav1.WatchEvent). */
export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: KubeObject; readonly resourceVersion: string }
  /** Nothing happened to these objects up to this version. */
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string }
  /** The server gives up; `code` as in HTTP. */
  | { readonly type: "ERROR"; readonly code: number; readonly reason: string };

/** Undefined: not an event, so that one may have been missed. */
export function parseWatchEvent(line: string, kind: KubeKind): WatchEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || !isRecord(value["object"])) return undefined;
  const { type, object } = value;
  if (type === "ERROR") {
    const { code, message } = object;
    return {
      type,
      code: typeof code === "number" ? code : 0,
      reason: typeof message === "string" ? message : "no reason",
    };
  }
  // A bookmark's object has nothing but a resourceVersion.
  const { metadata } = object;
  const resourceVersion = isRecord(metadata) ? metadata["resourceVersion"] : undefined;
  if (typeof resourceVersion !== "string") return undefined;
  if (type === "BOOKMARK") return { type, resourceVersion };
  if (type !== "ADDED" && type !== "MODIFIED" && type !== "DELETED") return undefined;
  const read = asKubeObject(object, kind);
  return read && { type, object: read, resourceVersion };
}
