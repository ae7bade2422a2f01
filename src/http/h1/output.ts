/** The sending side of one HTTP/1.1 connection: its turn at the process's out buffer, and what goes past it. */
import type { Slab } from "#src/reactor/slab.ts";
import type { Held, Stream } from "#src/reactor/stream.ts";
import type { OutOwner } from "../engine/out-buffer.ts";
import type { EngineServices } from "../engine/services.ts";
import { CR, LF } from "./character.ts";

export class H1Output implements OutOwner {
  /** The kernel has not taken all output yet. */
  blocked = false;
  readonly #stream: Stream;
  readonly #services: EngineServices;

  constructor(stream: Stream, services: EngineServices) {
    this.#stream = stream;
    this.#services = services;
  }

  /** Sends what this connection has gathered. */
  release(): void {
    this.#services.out.release(this);
  }

  flushOut(): void {
    const { out } = this.#services;
    const length = out.used;
    out.used = 0;
    if (length > 0 && !this.#stream.send(out.slab, 0, length)) this.blocked = true;
  }

  /** Copies bytes behind what is gathered, in pieces when they are more than the slab. */
  gather(bytes: Uint8Array): void {
    const { out } = this.#services;
    out.claim(this);
    for (let at = 0; at < bytes.length;) {
      if (out.room === 0) this.flushOut();
      const piece = bytes.subarray(at, at + out.room);
      out.slab.bytes.set(piece, out.used);
      out.used += piece.length;
      at += piece.length;
    }
  }

  /** Sends what is gathered and a piece that stays where it is, by one call. False when some of it waits. */
  sendBehindOut(slab: Slab, start: number, length: number, held: Held | undefined): boolean {
    const { out, parts } = this.#services;
    parts.clear();
    if (out.used > 0) parts.add(out.slab, 0, out.used);
    parts.add(slab, start, length);
    out.used = 0;
    const isSent = held === undefined ? this.#stream.sendParts(parts) : this.#stream.sendParts(parts, held);
    if (!isSent) this.blocked = true;
    return !this.blocked;
  }

  /** As `sendBehindOut`, with the CRLF that ends a chunk; what the kernel does not take is copied. */
  sendChunkBehindOut(slab: Slab, start: number, length: number, held: Held | undefined): boolean {
    const { out, parts } = this.#services;
    const lineEnd = out.used;
    out.slab.bytes[lineEnd] = CR;
    out.slab.bytes[lineEnd + 1] = LF;
    parts.clear();
    parts.add(out.slab, 0, lineEnd);
    parts.add(slab, start, length);
    parts.add(out.slab, lineEnd, 2);
    out.used = 0;
    if (!this.#stream.sendParts(parts)) this.blocked = true;
    held?.release();
    return !this.blocked;
  }
}
