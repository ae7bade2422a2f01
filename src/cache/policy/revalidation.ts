/** What the answer to a conditional request means for what is stored (RFC 9111 section 4.3.3). */

/** "refresh": 304, the stored response is good again. "error": the origin failed; stale may be served. "replace": everything else stands for itself. */
export type RevalidationOutcome = "refresh" | "replace" | "error";

export function revalidationOutcome(status: number): RevalidationOutcome {
  if (status === 304) return "refresh";
  return status === 500 || status === 502 || status === 503 || status === 504 ? "error" : "replace";
}
