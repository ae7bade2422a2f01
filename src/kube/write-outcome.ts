import { describeReply, type KubeReply } from "./request.ts";
import { isRecord, type KubeObject } from "./object.ts";

/** What came of a write. */
export type WriteOutcome =
  | { readonly outcome: "written"; readonly object: KubeObject | undefined }
  /** There is no such object (any more), or its namespace is going. */
  | { readonly outcome: "absent"; readonly reason: string }
  /** It is not in the version (or of the uid) that the write is about, exists already, or another manager owns a field. */
  | { readonly outcome: "conflict"; readonly reason: string }
  /** It will not be accepted as it is: invalid, or forbidden. The same again has the same outcome. */
  | { readonly outcome: "refused"; readonly reason: string }
  /** It may be accepted later; `afterMs` is what the server asks to wait. It may have been carried out. */
  | { readonly outcome: "retry"; readonly reason: string; readonly afterMs: number | undefined }
  /** It was not sent, since we may not write now. */
  | { readonly outcome: "fenced" };

/** Reads what the API server says to a write. */
export function writeOutcomeOf(reply: KubeReply): WriteOutcome {
  const reason = describeReply(reply);
  if (reply.status === undefined) return { outcome: "retry", reason, afterMs: undefined };
  const { status, body, retryAfterMs } = reply;
  if (status >= 200 && status < 300) return { outcome: "written", object: isObject(body) ? body : undefined };
  if (status === 404 || (status === 403 && isNamespaceGoing(body))) return { outcome: "absent", reason };
  if (status === 409) return { outcome: "conflict", reason };
  // 401: a token that was just replaced; the next request reads it anew. 408 and 504: the server's own time was over.
  if (status === 401 || status === 408 || status === 429 || status >= 500)
    return { outcome: "retry", reason, afterMs: retryAfterMs };
  return { outcome: "refused", reason };
}

/** Nothing is made in a namespace that is being deleted (the admission plugin NamespaceLifecycle). */
function isNamespaceGoing(body: unknown): boolean {
  const details = isRecord(body) ? body["details"] : undefined;
  const causes = isRecord(details) ? details["causes"] : undefined;
  return Array.isArray(causes) && causes.some((cause) => isRecord(cause) && cause["reason"] === "NamespaceTerminating");
}

/** A Status (as a deletion answers) is none that was written. */
function isObject(body: unknown): body is KubeObject {
  return isRecord(body) && body["kind"] !== "Status" && isRecord(body["metadata"]);
}
