/** What the reactor's tests share: a poller with TCP, handlers that write down what they are told, waiting. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { Poller } from "./poller.ts";
import { Slab } from "./slab.ts";
import type { CloseReason, Stream, StreamHandler } from "./stream.ts";
import { Tcp } from "./tcp.ts";
import { TcpListener, type TcpListenerOptions } from "./tcp-listener.ts";

export interface Reactor extends AsyncDisposable {
  readonly poller: Poller;
  readonly tcp: Tcp;
  /** Exceptions that reached a barrier. */
  readonly faults: unknown[];
  listen(host: string, onStream: TcpListenerOptions["onStream"], more?: Partial<TcpListenerOptions>): TcpListener;
}

export function startReactor(): Reactor {
  const faults: unknown[] = [];
  const poller = new Poller({ onFault: (error) => void faults.push(error) });
  const tcp = new Tcp(poller);
  const listeners: TcpListener[] = [];
  return {
    poller,
    tcp,
    faults,
    listen(host, onStream, more) {
      const listener = new TcpListener(tcp, { host, port: 0, onStream, ...more });
      listeners.push(listener);
      return listener;
    },
    async [Symbol.asyncDispose]() {
      for (const listener of listeners) listener[Symbol.dispose]();
      await until(() => tcp.open === 0, "all streams are closed");
      tcp[Symbol.dispose]();
      await poller[Symbol.asyncDispose]();
    },
  };
}

/** A handler that remembers; a test replaces the methods it is about. */
export class Recorder implements StreamHandler {
  readonly events: string[] = [];
  received: Buffer = Buffer.alloc(0);
  closeReason: CloseReason | undefined;
  closes = 0;

  onOpen(_stream: Stream): void {
    this.events.push("open");
  }

  onData(_stream: Stream, slab: Slab, start: number, end: number): number {
    this.received = Buffer.concat([this.received, slab.bytes.subarray(start, end)]);
    return end - start;
  }

  onEnd(_stream: Stream): void {
    this.events.push("end");
  }

  onDrain(_stream: Stream): void {
    this.events.push("drain");
  }

  onDeadline(_stream: Stream, kind: number): void {
    this.events.push(`deadline ${kind}`);
  }

  onClose(_stream: Stream, reason: CloseReason): void {
    this.events.push(`close ${reason}`);
    this.closeReason = reason;
    this.closes++;
  }
}

/** Sends back what comes, and ends when the peer does. */
export class Echo extends Recorder {
  override onData(stream: Stream, slab: Slab, start: number, end: number): number {
    stream.send(slab, start, end - start);
    return end - start;
  }

  override onEnd(stream: Stream): void {
    super.onEnd(stream);
    stream.close("peerClosed");
  }
}

export function slabOf(text: string): Slab {
  return new Slab(Buffer.from(text));
}

/** A slab of reproducible bytes. */
export function pattern(length: number): Slab {
  const slab = new Slab(length);
  let state = 12_345;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    slab.bytes[index] = state >>> 16;
  }
  return slab;
}

export async function until(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) assert.fail(`Waited ${timeoutMs} ms in vain until ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, 2));
  }
}

export function countDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
