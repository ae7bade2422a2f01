/**
 * The HTTP entry of a data process: takes accepted streams and gives each to the version its client speaks, chosen by
 * ALPN over TLS (RFC 7301) and by HTTP/2's preface over plain TCP (prior knowledge, RFC 9113 section 3.3).
 */
import type { Slab } from "#src/reactor/slab.ts";
import type { CloseReason, Stream, StreamHandler, TlsInfo } from "#src/reactor/stream.ts";
import type { EngineServices, HttpConnection, OpenConnection, PortPlace } from "./services.ts";

const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** The chooser's one deadline: the client says nothing. */
const FIRST_BYTES = 1;
/** Connections that have ended are forgotten when there are this many more than at the last look. */
const SWEEP = 256;

export interface HttpEngineOptions {
  readonly services: EngineServices;
  readonly openH1: OpenConnection;
  readonly openH2: OpenConnection;
}

interface Open {
  readonly stream: Stream;
  readonly connection: HttpConnection;
}

export class HttpEngine {
  readonly #services: EngineServices;
  readonly #openH1: OpenConnection;
  readonly #openH2: OpenConnection;
  readonly #choosers = new Map<PortPlace, Chooser>();
  #open: Open[] = [];
  #sweepAt = SWEEP;
  #isDraining = false;

  constructor(options: HttpEngineOptions) {
    this.#services = options.services;
    this.#openH1 = options.openH1;
    this.#openH2 = options.openH2;
  }

  /** The handler of an accepted stream, before its first byte (TLS: before its handshake is done). */
  accept(stream: Stream, port: PortPlace): StreamHandler {
    let chooser = this.#choosers.get(port);
    if (chooser === undefined) {
      chooser = new Chooser(port, this);
      this.#choosers.set(port, chooser);
    }
    stream.deadline(FIRST_BYTES, this.#services.limits.headMs);
    return chooser;
  }

  /** A port that is no longer listened on. Its connections go on. */
  forget(port: PortPlace): void {
    this.#choosers.delete(port);
  }

  /** Closes idle connections, and the others when what is under way is answered. New ones are closed after one request. */
  drain(): void {
    this.#isDraining = true;
    for (const { stream, connection } of this.#open) if (!stream.closed) connection.drain();
    this.#sweep();
  }

  /** Connections that are open now. */
  get connections(): number {
    this.#sweep();
    return this.#open.length;
  }

  /** Called at the end of every poller batch: sends what is still gathered. */
  readonly flush = (): void => {
    this.#services.out.flush();
  };

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Hands a stream to its version, whose handler replaces the chooser. */
  choose(stream: Stream, port: PortPlace, version: "h1" | "h2"): HttpConnection {
    const open = version === "h2" ? this.#openH2 : this.#openH1;
    const connection = open(stream, port, this.#services);
    stream.handler = connection;
    if (this.#open.length >= this.#sweepAt) this.#sweep();
    this.#open.push({ stream, connection });
    return connection;
  }

  /** Keeps the list as long as what is open, at a cost per connection that does not grow with their number. */
  #sweep(): void {
    this.#open = this.#open.filter(({ stream }) => !stream.closed);
    this.#sweepAt = this.#open.length * 2 + SWEEP;
  }
}

/** The handler of a stream whose version is not known yet. It keeps nothing of its own, so one serves a whole port. */
class Chooser implements StreamHandler {
  readonly #port: PortPlace;
  readonly #engine: HttpEngine;

  constructor(port: PortPlace, engine: HttpEngine) {
    this.#port = port;
    this.#engine = engine;
  }

  /** The TLS handshake is done. During a drain the first request is waited for, so that it is answered. */
  onOpen(stream: Stream): void {
    if (!this.#engine.isDraining) this.#engine.choose(stream, this.#port, versionOf(stream.tls));
  }

  onData(stream: Stream, slab: Slab, start: number, end: number): number {
    const version = stream.tls === undefined ? versionByPreface(slab.bytes, start, end) : versionOf(stream.tls);
    if (version === undefined) return 0;
    const connection = this.#engine.choose(stream, this.#port, version);
    const consumed = connection.onData(stream, slab, start, end);
    if (this.#engine.isDraining && !stream.closed) connection.drain();
    return consumed;
  }

  onEnd(stream: Stream): void {
    stream.close("peerClosed");
  }

  onDrain(): void {
    // Nothing is sent before a version is chosen.
  }

  onDeadline(stream: Stream): void {
    stream.close("timeout");
  }

  onClose(_stream: Stream, _reason: CloseReason): void {
    // Nothing is kept.
  }
}

function versionOf(tls: TlsInfo | undefined): "h1" | "h2" {
  return tls !== undefined && tls.alpn === "h2" ? "h2" : "h1";
}

/** As long as every byte is the preface's, the rest is waited for: no method in use begins with PRI. */
function versionByPreface(bytes: Uint8Array, start: number, end: number): "h1" | "h2" | undefined {
  const length = Math.min(end - start, PREFACE.length);
  let same = 0;
  while (same < length && bytes[start + same] === PREFACE[same]) same++;
  if (same < length) return "h1";
  return same === PREFACE.length ? "h2" : undefined;
}
