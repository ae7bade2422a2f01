/** What to do with a stored response for a request (RFC 9111 section 4, RFC 5861). */
import type { CacheControl } from "./cache-control.ts";

/** What is kept about a stored response for this decision. Times in seconds. */
export interface Reusable {
  readonly lifetime: number;
  /** no-cache: never without asking the origin (RFC 9111 section 5.2.2.4). */
  readonly noCache: boolean;
  /** must-revalidate, proxy-revalidate or s-maxage: never stale (RFC 9111 section 5.2.2.2). */
  readonly neverStale: boolean;
  /** -1 when the response does not allow it. */
  readonly staleWhileRevalidate: number;
}

/**
 * "fresh": serve. "stale": serve, the client or the response allows it. "staleWhileRevalidate": serve and ask the origin
 * meanwhile. "revalidate": ask the origin first. "unavailable": 504, the client wants nothing but what is stored.
 */
export type Reuse = "fresh" | "stale" | "staleWhileRevalidate" | "revalidate" | "unavailable";

/** `asked` is undefined when the request has no Cache-Control, the usual case. */
export function reuse(stored: Reusable, age: number, asked: CacheControl | undefined): Reuse {
  const staleness = age - stored.lifetime;
  if (asked === undefined) return withoutWishes(stored, staleness);
  if (stored.noCache || asked.noCache) return refused(asked);
  if (
    asked.maxAge >= 0 &&
    age > asked.maxAge &&
    !(asked.maxStale >= 0 && !stored.neverStale && staleness <= asked.maxStale)
  )
    return refused(asked);
  if (asked.minFresh >= 0 && -staleness < asked.minFresh) return refused(asked);
  if (staleness < 0) return "fresh";
  if (asked.maxStale >= 0 && staleness <= asked.maxStale && !stored.neverStale) return "stale";
  const usual = withoutWishes(stored, staleness);
  return usual === "revalidate" ? refused(asked) : usual;
}

function withoutWishes(stored: Reusable, staleness: number): Reuse {
  if (stored.noCache) return "revalidate";
  if (staleness < 0) return "fresh";
  return !stored.neverStale && staleness < stored.staleWhileRevalidate ? "staleWhileRevalidate" : "revalidate";
}

/** RFC 9111 section 5.2.1.7. */
function refused(asked: CacheControl): Reuse {
  return asked.onlyIfCached ? "unavailable" : "revalidate";
}

/** Whether a stored response may stand in for an origin that failed (RFC 5861 section 4, RFC 9111 section 4.2.4). */
export function mayServeOnError(
  stored: Reusable,
  staleIfError: number,
  age: number,
  asked: CacheControl | undefined,
): boolean {
  if (stored.neverStale || stored.noCache || asked?.noCache === true) return false;
  return age - stored.lifetime < Math.max(staleIfError, asked?.staleIfError ?? -1);
}
