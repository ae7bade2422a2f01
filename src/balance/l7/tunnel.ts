/** Two byte streams joined after an upgrade (RFC 9110 section 7.8): what one sends the other gets, an end too. */
import type { TunnelStream, UpgradedStream } from "#src/http/exchange.ts";
import { Slab } from "#src/reactor/slab.ts";
import type { CloseReason, Stream, StreamHandler } from "#src/reactor/stream.ts";

/** A backend's connection whose handler is free to be replaced, and what had arrived on it already. */
export interface FreeStream {
  readonly stream: Stream;
  readonly rest: Uint8Array;
}

const IDLE = 1;

/** `idleMs`: without a byte in either direction both are closed. */
export function joinStreams(client: UpgradedStream, backend: FreeStream, idleMs: number): void {
  const front = new TunnelEnd(client.stream, backend.stream, idleMs);
  const back = new TunnelEnd(backend.stream, backend.stream, idleMs);
  front.peer = back;
  back.peer = front;
  client.stream.handler = front;
  backend.stream.handler = back;
  backend.stream.deadline(IDLE, idleMs);
  if (client.stream.closed) backend.stream.abort("reset");
  else if (backend.stream.closed) client.stream.abort("reset");
  back.showRest(backend.rest);
  front.showRest(client.rest);
}

class TunnelEnd implements StreamHandler<TunnelStream> {
  peer!: TunnelEnd;
  readonly #stream: TunnelStream;
  /** Its deadline stands for both: a client's stream may be one of many on its connection, and has none. */
  readonly #clock: Pick<Stream, "deadline">;
  readonly #idleMs: number;
  #hasEnded = false;

  constructor(stream: TunnelStream, clock: Pick<Stream, "deadline">, idleMs: number) {
    this.#stream = stream;
    this.#clock = clock;
    this.#idleMs = idleMs;
  }

  /** Passes on what came before the tunnel, then lets bytes come. */
  showRest(rest: Uint8Array): void {
    if (this.#stream.closed || this.peer.#stream.closed) return;
    const isTaken = rest.length === 0 || this.peer.#stream.send(new Slab(rest), 0, rest.length);
    if (isTaken) this.#stream.resumeReading();
    else this.#stream.pauseReading();
  }

  onOpen(): void {
    // It was open before.
  }

  onData(stream: TunnelStream, slab: Slab, start: number, end: number): number {
    this.#clock.deadline(IDLE, this.#idleMs);
    if (!this.peer.#stream.send(slab, start, end - start)) stream.pauseReading();
    return end - start;
  }

  onEnd(): void {
    this.#hasEnded = true;
    if (this.peer.#hasEnded) {
      this.#stream.close("done");
      this.peer.#stream.close("done");
    } else this.peer.#stream.endWriting();
  }

  onDrain(): void {
    this.#clock.deadline(IDLE, this.#idleMs);
    this.peer.#stream.resumeReading();
  }

  onDeadline(): void {
    this.#stream.close("timeout");
    this.peer.#stream.close("timeout");
  }

  onClose(_stream: TunnelStream, reason: CloseReason): void {
    const other = this.peer.#stream;
    if (other.closed) return;
    if (reason === "reset" || reason === "error") other.abort(reason);
    else other.close(reason);
  }
}
