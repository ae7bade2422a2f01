/**
 * One end of a config stream: frames over a byte stream, pings while nothing else is said, and an end with one reason.
 * Server and client differ only in which frames they take.
 */
import type { Duplex } from "node:stream";
import { type ClientFrame, encodeFrame, FrameDecoder, type ServerFrame } from "./frame.ts";

export type EndReason = "closed" | "failed" | "silent" | "tooLong" | "notJson" | "badFrame";

export interface ConnectionOptions<In> {
  readonly socket: Duplex;
  readonly maxFrameBytes: number;
  readonly read: (value: unknown) => In | undefined;
  readonly onFrame: (frame: In) => void;
  /** Once; `detail` is the system's word on a failure. */
  readonly onEnd: (reason: EndReason, detail?: string) => void;
  /** A peer that says nothing for this long is gone; 0: never. A ping goes out four times as often. */
  readonly silenceMs: number;
  /** No ping before the first frame. */
  readonly isQuiet?: boolean;
}

export class Connection<In> {
  readonly #options: ConnectionOptions<In>;
  readonly #decoder: FrameDecoder;
  readonly #timer: NodeJS.Timeout | undefined;
  #heard = performance.now();
  #ticked = performance.now();
  /** Something was sent: a ping never comes before the first frame, which may be a token. */
  #spoke = false;
  #ended = false;

  constructor(options: ConnectionOptions<In>) {
    this.#options = options;
    this.#decoder = new FrameDecoder(options.maxFrameBytes);
    const { socket, silenceMs } = options;
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", (error: Error) => this.#end("failed", error.message));
    socket.on("close", () => this.#end("closed"));
    socket.on("end", () => this.#end("closed"));
    if (silenceMs > 0) this.#timer = setInterval(() => this.#onTick(), silenceMs / 4).unref();
  }

  send(frame: ClientFrame | ServerFrame): void {
    if (!this.#ended) this.sendBytes(encodeFrame(frame));
  }

  /** A frame that is encoded already, for many. */
  sendBytes(frame: Buffer): void {
    if (this.#ended) return;
    this.#spoke = true;
    this.#options.socket.write(frame);
  }

  /** Ends it from our side, after what was sent; `onEnd` is told "closed". */
  close(): void {
    if (this.#ended) return;
    const { socket } = this.#options;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
    socket.end(() => {
      clearTimeout(timer);
      socket.destroy();
    });
    this.#finish("closed");
  }

  #onData(chunk: Buffer): void {
    if (this.#ended) return;
    this.#heard = performance.now();
    const values = this.#decoder.push(chunk);
    if (typeof values === "string") return this.#end(values);
    for (const value of values) {
      if (this.#ended) return;
      const frame = this.#options.read(value);
      if (frame === undefined) return this.#end("badFrame");
      this.#options.onFrame(frame);
    }
  }

  #onTick(): void {
    const { silenceMs, socket } = this.#options;
    const now = performance.now();
    // A late tick means that we stood still (stopped, or out of CPU), not the peer: what it sent meanwhile is still unread.
    if (now - this.#ticked > silenceMs / 2) this.#heard = now;
    this.#ticked = now;
    if (now - this.#heard > silenceMs) return this.#end("silent");
    // A peer that does not read is not written pings to either.
    if ((this.#spoke || !this.#options.isQuiet) && !socket.writableNeedDrain) socket.write(PING);
  }

  #end(reason: EndReason, detail?: string): void {
    if (this.#ended) return;
    this.#options.socket.destroy();
    this.#finish(reason, detail);
  }

  #finish(reason: EndReason, detail?: string): void {
    this.#ended = true;
    clearInterval(this.#timer);
    this.#options.onEnd(reason, detail);
  }
}

/** How long a peer may take to read what was sent before our close. */
const LINGER_MS = 1000;
const PING = encodeFrame({ type: "ping" });
