/**
 * TLS over another stream: a codec, with OpenSSL between two slabs. One event's ciphertext is decrypted as a whole and
 * shown once; what is written is encrypted at once and queued by the stream below, whose back-pressure is ours.
 */
import type { Address } from "#src/net/address.ts";
import { PartList } from "../parts.ts";
import { Rest } from "../rest.ts";
import type { Slab } from "../slab.ts";
import type { CloseReason, Held, Parts, Stream, StreamHandler, TlsInfo } from "../stream.ts";
import { MINUS_ONE, openssl, SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN } from "./openssl.ts";
import { PlainQueue } from "./plain-queue.ts";
import { PLAIN_BYTES, type Tls } from "./tls.ts";
import { readTlsInfo, verifyFault } from "./tls-info.ts";
import type { TlsServer } from "./tls-server.ts";

const HANDSHAKE = 0;
const OPEN = 1;
/** close() was called: what is queued goes out, then close_notify. */
const CLOSING = 2;
const CLOSED = 3;

/** Kinds of our own deadlines, which no handler uses. */
const HANDSHAKE_LIMIT = 0x7fff_fff0;
const CLOSE_LIMIT = 0x7fff_fff1;
/** A closing stream whose peer does not read is given up after this time without progress. */
const CLOSE_MS = 30_000;

export class TlsStream implements Stream, StreamHandler {
  handler: StreamHandler;
  tls: TlsInfo | undefined = undefined;
  /** Undefined on the client's side. */
  readonly server: TlsServer | undefined;
  /** SNI that was sent or received. */
  serverName = "";
  /** Why the stream ended with tlsFailed: "certificate has expired". */
  failure = "";
  readonly #tls: Tls;
  readonly #below: Stream;
  #ssl: bigint;
  #state = HANDSHAKE;
  #reason: CloseReason = "done";
  #isPaused = false;
  #showsRest = false;
  #inputEnded = false;
  #endIsDue = false;
  #openIsDue = false;
  /** The deadline below is the handshake's, not the handler's. */
  #limitIsOurs = true;
  #outputEnded = false;
  #wantsDrain = false;
  #rest: Rest | undefined = undefined;
  readonly #queue = new PlainQueue();

  /** Use TlsServer.accept and TlsClient.connect. `ssl` belongs to the stream from now on. */
  constructor(
    tls: Tls,
    below: Stream,
    handler: StreamHandler,
    ssl: bigint,
    server: TlsServer | undefined,
    handshakeMs: number,
  ) {
    this.#tls = tls;
    this.#below = below;
    this.handler = handler;
    this.#ssl = ssl;
    this.server = server;
    tls.attach(ssl);
    if (server === undefined) openssl.SSL_set_connect_state(ssl);
    else openssl.SSL_set_accept_state(ssl);
    below.handler = this;
    if (handshakeMs > 0) below.deadline(HANDSHAKE_LIMIT, handshakeMs);
  }

  get peer(): Address {
    return this.#below.peer;
  }

  get local(): Address {
    return this.#below.local;
  }

  get closed(): boolean {
    return this.#state >= CLOSING || this.#below.closed;
  }

  get queuedBytes(): number {
    return this.#queue.bytes + this.#below.queuedBytes;
  }

  // ---- sending ----

  send(slab: Slab, offset: number, length: number, held?: Held): boolean {
    if (this.closed || this.#outputEnded) {
      held?.release();
      return false;
    }
    let sent = 0;
    if (this.#state === OPEN && this.#queue.bytes === 0 && this.#below.queuedBytes === 0) {
      for (let isTaken = true; isTaken && sent < length;) {
        const size = Math.min(PLAIN_BYTES, length - sent);
        isTaken = this.#encrypt(slab, offset + sent, size);
        sent += size;
        if (this.#isGone()) break;
      }
      if (sent === length || this.#isGone()) held?.release();
      if (this.#isGone()) return false;
      if (sent === length && this.#below.queuedBytes === 0) return true;
    }
    if (sent < length) this.#queue.add(slab, offset + sent, length - sent, held);
    this.#wantsDrain = true;
    return false;
  }

  sendParts(parts: Parts, held?: Held): boolean {
    if (!(parts instanceof PartList)) throw new TypeError("Cannot send parts: not a PartList");
    const { gather } = this.#tls;
    if (parts.length <= gather.length) {
      let at = 0;
      for (let i = 0; i < parts.count; i++) {
        const start = parts.offset(i);
        gather.bytes.set(parts.slab(i).bytes.subarray(start, start + parts.size(i)), at);
        at += parts.size(i);
      }
      held?.release();
      return this.send(gather, 0, at);
    }
    let isTaken = true;
    for (let i = 0; i < parts.count; i++) {
      isTaken = this.send(parts.slab(i), parts.offset(i), parts.size(i), i === parts.count - 1 ? held : undefined);
    }
    return isTaken;
  }

  sendFile(fd: number, offset: number, length: number): boolean {
    if (this.closed || this.#outputEnded) return false;
    if (!this.#queue.addFile(fd, offset, length)) {
      this.abort("error");
      return false;
    }
    this.#wantsDrain = true;
    this.#pump();
    if (this.queuedBytes > 0) return false;
    this.#wantsDrain = false;
    return true;
  }

  /** The kernel cannot encrypt what it splices. */
  spliceTo(): boolean {
    return false;
  }

  endWriting(): void {
    if (this.closed || this.#outputEnded) return;
    this.#outputEnded = true;
    if (this.#state === OPEN && this.#queue.bytes === 0) this.#sendEnd();
  }

  /** Encrypts at most PLAIN_BYTES and sends the records; whether the stream below took all of them at once. */
  #encrypt(slab: Slab, offset: number, length: number): boolean {
    this.#tls.enterToWrite(this);
    for (let at = 0; at < length;) {
      const written = openssl.SSL_write(this.#ssl, slab.at(offset + at), BigInt(length - at));
      if (written <= 0) {
        this.#fail();
        return false;
      }
      at += written;
    }
    return this.#sendRecords();
  }

  /** Sends what OpenSSL has written. */
  #sendRecords(): boolean {
    const length = this.#tls.written;
    if (length === 0) return true;
    const isTaken = this.#below.send(this.#tls.cipher, 0, length);
    this.#tls.clearWritten();
    return isTaken;
  }

  /** Encrypts what waits, as far as the stream below takes it. */
  #pump(): void {
    if (this.#state === HANDSHAKE) return;
    while (this.#queue.bytes > 0 && this.#below.queuedBytes === 0 && !this.#isGone()) {
      const isTaken = this.#queue.take(this.#tls.gather, (slab, offset, length) => {
        this.#encrypt(slab, offset, length);
        return !this.#isGone();
      });
      if (!isTaken && !this.#isGone()) this.abort("error");
    }
    if (this.#queue.bytes > 0 || this.#isGone()) return;
    if (this.#state === CLOSING) this.#finishClosing();
    else if (this.#outputEnded) this.#sendEnd();
  }

  #sendEnd(): void {
    this.#sayClose();
    this.#below.endWriting();
  }

  /** close_notify. */
  #sayClose(): void {
    this.#tls.enterToWrite(this);
    if (openssl.SSL_shutdown(this.#ssl) < 0) this.#tls.takeError();
    this.#sendRecords();
  }

  // ---- reading ----

  pauseReading(): void {
    this.#isPaused = true;
    this.#below.pauseReading();
  }

  resumeReading(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#showsRest = this.#rest !== undefined;
    this.#below.resumeReading();
    if (this.#showsRest || this.#endIsDue) this.#tls.late(this);
  }

  /** What a pause held back is shown at the end of the batch, never from inside the caller. */
  runLate(): void {
    if (this.#isPaused || this.#state !== OPEN) return;
    const rest = this.#rest;
    if (this.#showsRest && rest !== undefined) this.#show(rest.show(this.#tls.plain));
    this.#tellEnd();
  }

  onOpen(): void {
    this.#tls.enterToWrite(this);
    this.#shakeHands();
  }

  onData(_below: Stream, slab: Slab, start: number, end: number): number {
    if (this.#isGone()) return end - start;
    this.#tls.enter(this, slab, start, end);
    if (this.#state === HANDSHAKE) this.#shakeHands();
    if (this.#state !== HANDSHAKE && !this.#isGone()) this.#decrypt();
    return end - start;
  }

  #shakeHands(): void {
    const result = openssl.SSL_do_handshake(this.#ssl);
    this.#sendRecords();
    if (result === 1) return this.#onHandshakeDone();
    if (this.#errorOf(result) === SSL_ERROR_WANT_READ) return;
    this.#fail();
  }

  #onHandshakeDone(): void {
    this.#state = OPEN;
    if (this.#limitIsOurs) this.#below.deadline(HANDSHAKE_LIMIT, 0);
    this.tls = readTlsInfo(this.#tls, this.#ssl, this.serverName);
    this.#tls.counts.handshakes++;
    if (this.tls.resumed) this.#tls.counts.resumed++;
    this.#openIsDue = true;
  }

  /** Decrypts all of the event's ciphertext before anybody is told of it: the BIO is empty when the handler acts. */
  #decrypt(): void {
    const { plain } = this.#tls;
    const kept = this.#rest === undefined ? 0 : this.#rest.show(plain);
    let end = kept;
    let result = 1;
    let isAll = false;
    while (end < plain.length && !isAll) {
      const room = plain.length - end;
      result = openssl.SSL_read(this.#ssl, plain.at(end), BigInt(room));
      if (result <= 0) break;
      end += result;
      // A record a call, and without read-ahead never a byte beyond it: one that does not fill the room, with no
      // ciphertext behind it, was the last. Asking once more to be told so would cost as much again.
      isAll = result < room && this.#tls.takenAll();
    }
    if (result > 0 && !isAll) {
      this.failure = "too many bytes that nobody consumes";
      return this.#fail();
    }
    const error = isAll ? SSL_ERROR_WANT_READ : this.#errorOf(result);
    this.#sendRecords();
    if (error === SSL_ERROR_ZERO_RETURN) this.#endIsDue = true;
    else if (error !== SSL_ERROR_WANT_READ) return this.#fail();
    this.#tellAll(kept, end);
  }

  #tellAll(kept: number, end: number): void {
    const { plain } = this.#tls;
    if (this.#openIsDue) {
      // Kept first: whatever the handler does may use the slab.
      if (end > 0) (this.#rest ??= new Rest()).keep(plain, 0, end);
      this.#openIsDue = false;
      this.handler.onOpen(this);
      this.#pump();
      if (this.#state === OPEN && !this.#isPaused && this.#rest !== undefined && end > 0)
        this.#show(this.#rest.show(plain));
    } else if (end > kept || this.#showsRest) {
      if (this.#isPaused || this.#state !== OPEN) (this.#rest ??= new Rest()).keep(plain, 0, end);
      else this.#show(end);
    }
    this.#tellEnd();
  }

  #show(end: number): void {
    const { plain } = this.#tls;
    this.#showsRest = false;
    const consumed = this.handler.onData(this, plain, 0, end);
    if (consumed === end) this.#rest = undefined;
    else if (this.#state === OPEN) (this.#rest ??= new Rest()).keep(plain, consumed, end);
  }

  #tellEnd(): void {
    if (!this.#endIsDue || this.#inputEnded || this.#isPaused || this.#state !== OPEN) return;
    this.#inputEnded = true;
    this.handler.onEnd(this);
  }

  /** FIN. Without close_notify before it the peer's bytes may have been cut off by anybody: that is no end. */
  onEnd(): void {
    if (this.#endIsDue || this.#isGone()) {
      if (this.#inputEnded && this.#outputEnded && this.#state === OPEN) this.close("done");
      return;
    }
    if (this.#state === HANDSHAKE) {
      this.failure = "the peer left during the handshake";
      return this.#fail();
    }
    this.#free();
    this.#below.close("peerClosed");
  }

  onDrain(): void {
    if (this.#state === CLOSING) this.#below.deadline(CLOSE_LIMIT, CLOSE_MS);
    this.#pump();
    if (this.#state !== OPEN || !this.#wantsDrain || this.queuedBytes > 0) return;
    this.#wantsDrain = false;
    this.handler.onDrain(this);
  }

  // ---- ending ----

  userTimeout(ms: number): void {
    this.#below.userTimeout(ms);
  }

  deadline(kind: number, ms: number): void {
    if (this.closed) return;
    this.#limitIsOurs = false;
    this.#below.deadline(kind, ms);
  }

  onDeadline(_below: Stream, kind: number): void {
    if (kind === HANDSHAKE_LIMIT) this.#below.abort("timeout");
    else if (kind === CLOSE_LIMIT) this.#below.abort(this.#reason);
    else this.handler.onDeadline(this, kind);
  }

  close(reason: CloseReason): void {
    if (this.closed) return;
    const isOpen = this.#state === OPEN;
    this.#reason = reason;
    this.#state = CLOSING;
    this.#rest = undefined;
    if (!isOpen) {
      this.#free();
      this.#below.close(reason);
    } else if (this.#queue.bytes === 0) this.#finishClosing();
    else {
      if (this.#isPaused) this.#below.resumeReading();
      this.#below.deadline(CLOSE_LIMIT, CLOSE_MS);
    }
  }

  #finishClosing(): void {
    if (!this.#outputEnded) this.#sayClose();
    this.#free();
    this.#below.close(this.#reason);
  }

  abort(reason: CloseReason): void {
    if (this.#state === CLOSED) return;
    this.#free();
    this.#below.abort(reason);
  }

  onClose(_below: Stream, reason: CloseReason): void {
    this.#free();
    this.handler.onClose(this, reason);
  }

  /** What SSL_get_error says of a result that was not positive. */
  #errorOf(result: number): number {
    return openssl.SSL_get_error(this.#ssl, result === 0 ? 0n : MINUS_ONE);
  }

  /** The handshake, or the record protocol, cannot go on: the alert goes out, then the connection ends. */
  #fail(): void {
    const words = this.#tls.takeError();
    const isShaking = this.#state === HANDSHAKE;
    if (this.failure === "")
      this.failure = (isShaking ? verifyFault(this.#ssl) : undefined) ?? (words === "" ? "protocol error" : words);
    this.#tls.counts.failed++;
    this.#sendRecords();
    this.#free();
    this.#below.close("tlsFailed");
  }

  #isGone(): boolean {
    return this.#state === CLOSED;
  }

  #free(): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#queue.clear();
    this.#rest = undefined;
    openssl.SSL_free(this.#ssl);
    this.#ssl = 0n;
    this.#tls.abandon(this);
  }
}
