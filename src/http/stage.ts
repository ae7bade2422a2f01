/**
 * The steps of an exchange. Listener stages run first (limits, access, route), then the matched route's own (headers,
 * redirect, cache, upstream). Arrays are built when configuration is compiled, never per request.
 */
import type { Exchange } from "./exchange.ts";
import type { Message } from "./message.ts";
import type { FieldEdits } from "./field-edits.ts";

export interface Stage {
  /**
   * "next": go on with the following stage. "done": this stage has answered (respond... was called).
   * "wait": it will answer later; it has set `exchange.source` and, where it needs the head, called `keepRequest`.
   */
  onRequest(exchange: Exchange): "next" | "done" | "wait";
  /** Sees the head of a response on its way back, in reverse order of stages; may add to `edits`. */
  onResponse?(exchange: Exchange, head: Message, edits: FieldEdits): void;
}
