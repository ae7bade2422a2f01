/** Begins fetches: for one client that others may follow, for one alone, for nobody (while a stale response is served). */
import type { Exchange } from "#src/http/exchange.ts";
import { FIELD } from "#src/http/field.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import { Message } from "#src/http/message.ts";
import type { CacheProcess } from "../cache-process.ts";
import type { CacheRoute } from "../route.ts";
import { Fetch } from "./fetch.ts";
import type { Revalidated } from "./revalidated.ts";

/** `client`: the exchange waits for the answer. `nobody`: the exchange has been or will be answered from what is stored. */
type FetchFor = "client" | "nobody";

export function startFetch(
  cache: CacheProcess,
  route: CacheRoute,
  exchange: Exchange,
  shareKey: string,
  stored: Revalidated | undefined,
  wanted: FetchFor,
): void {
  exchange.keepRequest();
  const request = Message.copyOf(exchange.request, 0, exchange.request.bytes.length);
  const edits = new FieldEdits();
  route.editRequest(exchange, edits);
  // The whole response is fetched, to be stored; whether this client needs it is judged here.
  edits.removeId(FIELD["if-none-match"]);
  edits.removeId(FIELD["if-modified-since"]);
  const baseKey = cache.key.fromRequest(request, route.partition) ? cache.key.text() : "";
  const fetchAlone = (other: Exchange): void => startFetch(cache, route, other, "", undefined, "client");
  const fetch = new Fetch(cache, {
    route,
    request,
    edits,
    shareKey,
    baseKey,
    stored,
    background: wanted === "nobody",
    fetchAlone,
  });
  if (wanted === "client") fetch.lead(exchange);
  fetch.begin();
}
