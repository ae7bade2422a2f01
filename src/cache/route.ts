/** What a route's cache stage is told. Compiled with the configuration, immutable. */
import type { Exchange } from "#src/http/exchange.ts";
import type { FieldEdits } from "#src/http/field-edits.ts";
import type { UpstreamPool } from "#src/http/upstream.ts";

export interface CacheRoute {
  /** Keeps what must not mix apart: alike for routes with the same host only when they have the same origin. */
  readonly partition: number;
  readonly pool: UpstreamPool;
  /** Tells right after the pool's `request` which backend was chosen, for the log; absent: nothing is told. */
  readonly chosen?: { readonly backend: string };
  /** Adds the changes that requests to the origin get (forwarded fields, the route's filters). */
  readonly editRequest: (exchange: Exchange, edits: FieldEdits) => void;
  /** Milliseconds for the origin's head, 0 for none. */
  readonly headTimeoutMs: number;
  /** Milliseconds from a client's request to the end of its response, 0 for none. */
  readonly requestTimeoutMs: number;
  /** A larger body is passed on and not stored. */
  readonly maxObjectBytes: number;
}

/** The usual limit. */
export const MAX_OBJECT_BYTES: number = 8 * 1024 * 1024;
