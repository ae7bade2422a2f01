/**
 * What every client-side connection of a process shares, whatever its HTTP version: clock, out slab, limits, counters.
 * Made once per data process and handed to h1 and h2 alike.
 */
import type { Parts, Stream, StreamHandler } from "#src/reactor/stream.ts";
import type { AbortReason, Exchange } from "../exchange.ts";
import type { FieldEdits } from "../field-edits.ts";
import type { Stage } from "../stage.ts";
import type { HttpDate } from "./http-date.ts";
import type { HttpLimits } from "./limits.ts";
import type { OutBuffer } from "./out-buffer.ts";

/** The part of the reactor's poller that the engine needs. */
export interface EngineLoop {
  /** Milliseconds of a clock that never goes back; the same value during a whole batch. */
  readonly now: number;
}

/** A listening port as exchanges see it: immutable, replaced as a whole when configuration changes. */
export interface HttpPort {
  /** True on a TLS listener: the request's scheme is https. */
  readonly secure: boolean;
  /** What each exchange runs through, in order. */
  readonly stages: readonly Stage[];
}

/** Where a port's current value lies. Connections keep the place and read the value when a request begins. */
export interface PortPlace {
  current: HttpPort;
}

/** An exchange whose response has ended, as the access log and the metrics see it. */
export interface FinishedExchange extends Exchange {
  /** Status that was sent, 0 when none was. */
  readonly status: number;
  /** Body bytes received from the client so far, without chunk framing. */
  readonly bytesIn: number;
  /** Body bytes handed to the stream, without chunk framing. */
  readonly bytesOut: number;
  /** "" when the response went out whole. */
  readonly aborted: AbortReason | "";
}

/** Where the engine counts. Implementations add to slots: no allocation, no I/O. */
export interface EngineObserver {
  onConnection(version: "h1" | "h2", secure: boolean): void;
  onConnectionEnd(version: "h1" | "h2", secure: boolean): void;
  /** A head is complete and its stages are about to run. */
  onRequest(exchange: Exchange): void;
  /** Follows each onRequest exactly once. The exchange and its request may be reused as soon as it returns. */
  onFinish(exchange: FinishedExchange): void;
  /** Input that never became an exchange: a malformed head, a frame error, a flood. `reason` is from a closed set. */
  onRefused(reason: string): void;
}

export interface EngineServices {
  readonly loop: EngineLoop;
  readonly limits: HttpLimits;
  readonly date: HttpDate;
  readonly observer: EngineObserver;
  /** Bytes on their way out, gathered for one send per readable event. Flushed at every batch's end by the engine. */
  readonly out: OutBuffer;
  /** For vectored sends; used and done with inside one call. */
  readonly parts: Parts;
  /** For edits made while a response head is rendered; used and done with inside one call. */
  readonly edits: FieldEdits;
}

/** A connection of either version. */
export interface HttpConnection extends StreamHandler {
  /** Closes once what is under way is answered; at once when nothing is. */
  drain(): void;
}

/**
 * Makes the handler of a fresh connection of one HTTP version. The caller sets `stream.handler` to it and, when bytes
 * had already arrived (a preface that was recognised), shows them by `onData`. A connection arms its own deadlines.
 */
export type OpenConnection = (stream: Stream, port: PortPlace, services: EngineServices) => HttpConnection;
