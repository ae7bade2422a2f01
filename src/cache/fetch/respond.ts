/** Begins the response to one of those who wait for a fetch. */
import type { Exchange } from "#src/http/exchange.ts";
import { FIELD } from "#src/http/field.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import { BODY, Message } from "#src/http/message.ts";
import { cacheStatusText } from "../policy/cache-status.ts";
import { isNotModified } from "../policy/validator.ts";
import { NOT_IN_304, VIA } from "../store/stored-head.ts";
import type { Arrival } from "./arrival.ts";

export interface FetchedView {
  /** Age to tell in seconds, -1 to pass the origin's own on. */
  readonly age: number;
  readonly forwarded: "uri-miss" | "stale";
  /** A 304 of the origin renewed what was stored. */
  readonly refreshed: boolean;
  readonly collapsed: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** True when that was all: the client has the response already, and got the 304. */
export function respondFetched(exchange: Exchange, head: Message, arrival: Arrival, view: FetchedView): boolean {
  const edits = new FieldEdits();
  if (view.age >= 0) edits.set("age", String(view.age));
  edits.add(...VIA);
  edits.add(
    "cache-status",
    cacheStatusText({
      hit: false,
      forwarded: view.forwarded,
      ...(view.refreshed ? { forwardedStatus: 304 } : {}),
      stored: arrival.verdict === "storable",
      collapsed: view.collapsed,
      ...(arrival.verdict === "storable" ? {} : { detail: arrival.verdict }),
    }),
  );
  if (!clientHas(exchange.request, head, arrival, view.now)) {
    exchange.respond(head, edits);
    return false;
  }
  const bare = Message.copyOf(head, 0, head.bytes.length);
  bare.status = 304;
  bare.body = BODY.none;
  bare.contentLength = -1;
  for (const id of NOT_IN_304) edits.removeId(id);
  exchange.respond(bare, edits);
  exchange.end();
  return true;
}

function clientHas(request: Message, head: Message, arrival: Arrival, now: number): boolean {
  if (head.status !== 200) return false;
  const index = head.find(FIELD.etag);
  const start = index < 0 ? 0 : head.ranges[index * 4 + 2]!;
  const end = index < 0 ? 0 : head.ranges[index * 4 + 3]!;
  return isNotModified(request, { bytes: head.bytes, start, end }, arrival.lastModified, arrival.receivedAt, now);
}
