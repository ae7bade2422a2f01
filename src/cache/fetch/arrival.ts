/** What a response that has arrived means for the cache: whether it is kept, for how long, and whom else it may serve. */
import { FIELD, fieldNumber } from "#src/http/field.ts";
import { BODY, type Message } from "#src/http/message.ts";
import { CacheControl } from "../policy/cache-control.ts";
import { dateOf, freshnessLifetime, initialAge } from "../policy/freshness.ts";
import type { Reusable } from "../policy/reuse.ts";
import { storable, type NotStorable } from "../policy/storable.ts";
import { varyNames, type VaryName } from "../policy/vary.ts";
import { MAX_VARY_NAMES } from "../store/variants.ts";

/**
 * `tooLarge` and `manyNames` are limits of this cache; `untilClose`: a body that ends with its connection cannot be told
 * from a truncated one (RFC 9112 section 8); the others are RFC 9111's.
 */
type Verdict = "storable" | NotStorable | "untilClose" | "manyNames" | "tooLarge";

/** Seconds; times in milliseconds since 1970. */
export interface Arrival extends Reusable {
  readonly verdict: Verdict;
  readonly staleIfError: number;
  readonly initialAge: number;
  readonly receivedAt: number;
  readonly lastModified: number;
  /** Request fields that select this response. */
  readonly vary: readonly VaryName[];
}

export function judge(request: Message, head: Message, requestedAt: number, receivedAt: number): Arrival {
  const control = new CacheControl().parseResponse(head);
  const vary = varyNames(head, fieldNumber);
  return {
    verdict: limited(storable(request, new CacheControl().parse(request), head, control), head, vary),
    lifetime: freshnessLifetime(head, control, receivedAt),
    noCache: control.noCache,
    neverStale: control.mustRevalidate || control.proxyRevalidate || control.sMaxAge >= 0,
    staleWhileRevalidate: control.staleWhileRevalidate,
    staleIfError: control.staleIfError,
    initialAge: initialAge(head, requestedAt, receivedAt),
    receivedAt,
    lastModified: dateOf(head, FIELD["last-modified"], receivedAt),
    vary,
  };
}

function limited(verdict: Verdict, head: Message, vary: readonly VaryName[]): Verdict {
  if (verdict !== "storable") return verdict;
  if (head.body === BODY.untilClose) return "untilClose";
  return vary.length > MAX_VARY_NAMES ? "manyNames" : "storable";
}
