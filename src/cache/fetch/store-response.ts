/** From a whole response to the object that is stored for it, under the key that its Vary field asks for. */
import type { Message } from "#src/http/message.ts";
import type { CacheProcess } from "../cache-process.ts";
import { KIND, draftBytes, type ObjectDraft } from "../store/object.ts";
import { renderHead } from "../store/stored-head.ts";
import { MAX_VARY_NAMES, unionOf, variantsDraft } from "../store/variants.ts";
import type { Arrival } from "./arrival.ts";
import type { FetchPlan } from "./plan.ts";
import type { GatheredBody } from "./gathered-body.ts";
import { MAX_DRAFT_BYTES, Storing, type StoreWaiter } from "./storing.ts";

/** True when it is on its way, and `waiter` will be told. */
export function storeResponse(
  cache: CacheProcess,
  { request, route }: FetchPlan,
  head: Message,
  arrival: Arrival,
  body: GatheredBody,
  waiter: StoreWaiter,
): boolean {
  const { key, segment, lessee } = cache;
  if (!key.fromRequest(request, route.partition) || !extendKey(cache, request, arrival)) return false;
  const { h1, h2, h1NotModified, h2NotModified, etagStart, etagEnd } = renderHead(head, body.length);
  const draft: ObjectDraft = {
    hash: key.hash,
    kind: KIND.response,
    key: key.copy(),
    h1,
    h2,
    h1NotModified,
    h2NotModified,
    etagStart,
    etagEnd,
    status: head.status,
    bodyLength: body.length,
    initialAge: arrival.initialAge,
    lifetime: arrival.lifetime,
    staleWhileRevalidate: arrival.staleWhileRevalidate,
    staleIfError: arrival.staleIfError,
    noCache: arrival.noCache,
    neverStale: arrival.neverStale,
    receivedAt: arrival.receivedAt,
    lastModified: arrival.lastModified,
  };
  if (draftBytes(draft) > MAX_DRAFT_BYTES) return false;
  new Storing(segment, lessee, draft, body, waiter).start();
  return true;
}

/** The variant's key, when this or an earlier response varies. What an earlier one varied by still counts: more names are never wrong. */
function extendKey(cache: CacheProcess, request: Message, arrival: Arrival): boolean {
  const { key, reader, variants, segment, lessee } = cache;
  const { found } = reader;
  const isKnown = reader.lookup(key) && found.kind === KIND.variants;
  const known = isKnown ? variants.namesOf(found) : [];
  const names = unionOf(known, arrival.vary);
  if (names.length === 0) return true;
  if (names.length > MAX_VARY_NAMES) return false;
  if (isKnown && names.length === known.length) return key.extend(request, names, variants.generationOf(found));
  const generation = (Math.random() * 2 ** 32) | 0;
  new Storing(
    segment,
    lessee,
    variantsDraft(key, { names, generation }, arrival.receivedAt),
    undefined,
    undefined,
  ).start();
  return key.extend(request, names, generation);
}
