/** A TCP connection as a Stream: one recv per event into the process's shared slab, sends at once, and what is left over in a queue. */
import type { Address } from "#src/net/address.ts";
import { reasonOf } from "./close-reason.ts";
import { EAGAIN } from "./errno.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, SHUT_WR } from "./layout.ts";
import { PartList } from "./parts.ts";
import type { LateTask, Watcher } from "./poller.ts";
import { Rest } from "./rest.ts";
import { SendQueue } from "./send-queue.ts";
import type { Slab } from "./slab.ts";
import { isConnected, localAddress, setKeepalive, setResetOnClose, setUserTimeout, takeError } from "./socket.ts";
import { AddressWords, unspecified } from "./socket-address.ts";
import { Splice } from "./splice.ts";
import type { CloseReason, Held, Parts, Stream, StreamHandler } from "./stream.ts";
import type { StreamSource } from "./stream-source.ts";
import { recv, shutdown } from "./system.ts";
import { RECEIVE_BYTES, type Tcp } from "./tcp.ts";
import { Deadline, type DeadlineOwner } from "./timer-wheel.ts";

const CONNECTING = 0;
const OPEN = 1;
/** close() was called: what is queued goes out, then our FIN. */
const CLOSING = 2;
/** Our FIN is out: input is read and thrown away until the peer's, so that it reads our last bytes and not a reset. */
const LINGERING = 3;
const CLOSED = 4;

/** Kinds of the stream's own deadlines; a handler's are not negative. That of connecting gives way to one of the handler's. */
const CONNECT_LIMIT = -1;
const CLOSE_LIMIT = -2;

/** A closing stream whose queue the peer does not read is given up after this time without progress. */
const FLUSH_MS = 30_000;
const LINGER_MS = 2_000;
const LINGER_BYTES = 1024 * 1024;

/** Interest of a stream that epoll does not know any more. */
const UNWATCHED = -1;
/** Of one that it will know at the batch's end, when it is clear what is to be watched for. */
const NOT_YET = -2;
/** With the input comes word of its end: what is read in the same event is then known to be the last. */
const READS = EPOLLIN | EPOLLRDHUP;

export class TcpStream implements Stream, Watcher, LateTask, DeadlineOwner {
  handler: StreamHandler;
  readonly tls = undefined;
  /** Bytes that came in, spliced ones included. */
  receivedBytes = 0;
  readonly #tcp: Tcp;
  readonly #source: StreamSource | undefined;
  readonly #fd: number;
  readonly #queue: SendQueue;
  #state: number;
  #interest = NOT_YET;
  #reason: CloseReason = "done";
  #isTold = false;
  #isPaused = false;
  #inputEnded = false;
  /** endWriting() was called; the FIN follows what is queued. */
  #outputEnded = false;
  #finSent = false;
  #wantsDrain = false;
  #restIsDue = false;
  #rest: Rest | undefined;
  #deadline: Deadline | undefined;
  #lingered = 0;
  #splice: Splice | undefined;
  #spliceSink: TcpStream | undefined;
  #spliceSource: TcpStream | undefined;
  #spliceBlocked = false;
  #peer: Address | AddressWords;
  #local: Address | undefined;

  /**
   * Use TcpListener and connectTcp. `fd` is a connected or connecting socket that from now on belongs to the stream; what
   * happens to it is looked at after `watch`.
   */
  constructor(tcp: Tcp, fd: number, handler: StreamHandler, peer: Address | AddressWords, source?: StreamSource) {
    // What was accepted is open.
    const isOpen = source !== undefined;
    this.#tcp = tcp;
    this.#fd = fd;
    this.#queue = new SendQueue(fd, isOpen);
    this.handler = handler;
    this.#source = source;
    this.#peer = peer;
    this.#state = isOpen ? OPEN : CONNECTING;
    tcp.open++;
  }

  /** The stream has its holder: its events may come, from the end of this batch on. `connectMs`: see TcpTarget. */
  watch(connectMs = 0): void {
    this.#tcp.poller.late(this);
    if (connectMs > 0) this.deadline(CONNECT_LIMIT, connectMs);
  }

  get peer(): Address {
    const peer = this.#peer;
    return peer instanceof AddressWords ? (this.#peer = peer.decode()) : peer;
  }

  get local(): Address {
    this.#local ??= this.#source?.sharedLocal ?? (this.#state === CLOSED ? undefined : localAddress(this.#fd));
    return this.#local ?? unspecified(this.peer.family);
  }

  get closed(): boolean {
    return this.#state >= CLOSING;
  }

  /** Bytes that went out, spliced ones included. */
  get sentBytes(): number {
    return this.#queue.sentBytes;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  // ---- sending ----

  send(slab: Slab, offset: number, length: number, held?: Held): boolean {
    if (this.#cannotSend(held)) return false;
    return this.#afterSend(this.#queue.send(slab, offset, length, held));
  }

  sendParts(parts: Parts, held?: Held): boolean {
    if (!(parts instanceof PartList)) throw new TypeError("Cannot send parts: not a PartList");
    if (this.#cannotSend(held)) return false;
    return this.#afterSend(this.#queue.sendParts(parts, held));
  }

  sendFile(fd: number, offset: number, length: number): boolean {
    return !this.#cannotSend() && this.#afterSend(this.#queue.sendFile(fd, offset, length));
  }

  endWriting(): void {
    if (this.closed || this.#outputEnded) return;
    this.#outputEnded = true;
    if (this.#state === OPEN && this.queuedBytes === 0) this.#sendFin();
  }

  #cannotSend(held?: Held): boolean {
    const isOver = this.#state > OPEN || this.#outputEnded;
    if (isOver) held?.release();
    return isOver;
  }

  #afterSend(waiting: number): boolean {
    if (waiting === 0) return true;
    if (waiting < 0) {
      this.#finish(reasonOf(waiting));
      return false;
    }
    this.#wantsDrain = true;
    this.#updateInterest();
    return false;
  }

  #sendFin(): void {
    this.#finSent = true;
    // Closing sends the FIN too, when all input has been read.
    if (this.#inputEnded) this.#finish("done");
    else shutdown(this.#fd, SHUT_WR);
  }

  // ---- reading ----

  pauseReading(): void {
    this.#isPaused = true;
  }

  resumeReading(): void {
    if (!this.#isPaused || this.closed) return;
    this.#isPaused = false;
    if (this.#state !== OPEN) return;
    this.#updateInterest();
    if (this.#rest !== undefined) {
      this.#restIsDue = true;
      this.#tcp.poller.late(this);
    }
  }

  onReady(events: number): void {
    if (this.#state === OPEN) {
      if ((events & EPOLLOUT) !== 0) this.#onWritable();
      if ((events & ~EPOLLOUT) !== 0 && this.#state === OPEN) this.#onReadable(events);
    } else if (this.#state === CONNECTING) this.#open(takeError(this.#fd));
    else if (this.#state === CLOSING) this.#flushClosing(events);
    else if (this.#state === LINGERING) this.#drainInput();
  }

  onFault(): void {
    this.abort("error");
  }

  #onReadable(events: number): void {
    if (this.#isPaused || this.#inputEnded || this.#spliceBlocked) {
      if ((events & (EPOLLERR | EPOLLHUP)) !== 0) this.#onHangUp(events);
      else this.#updateInterest();
    } else if (this.#splice === undefined) this.#read((events & EPOLLRDHUP) !== 0);
    else this.#moveSplice();
  }

  /** `isLast`: the peer's FIN had come before this read, so that one which does not fill the slab has everything. */
  #read(isLast: boolean): void {
    const slab = this.#tcp.input;
    const kept = this.#rest === undefined ? 0 : this.#rest.show(slab);
    if (kept + RECEIVE_BYTES > slab.length) return this.#finish("badInput");
    const received = recv(this.#fd, slab, kept, RECEIVE_BYTES);
    if (received > 0) {
      this.receivedBytes += received;
      this.#show(slab, kept + received);
      const isAll = isLast && received < RECEIVE_BYTES && this.#rest === undefined && this.#splice === undefined;
      if (isAll && this.#state === OPEN && !this.#isPaused) this.#endInput();
      return;
    }
    if (received === -EAGAIN) return;
    if (this.#restIsDue) this.#show(slab, kept);
    if (this.#state !== OPEN || this.#isPaused) return;
    if (received === 0) this.#endInput();
    else this.#finish(reasonOf(received));
  }

  #show(slab: Slab, end: number): void {
    this.#restIsDue = false;
    const consumed = this.handler.onData(this, slab, 0, end);
    if (consumed === end) this.#rest = undefined;
    else if (this.#state === OPEN) (this.#rest ??= new Rest()).keep(slab, consumed, end);
  }

  #endInput(): void {
    this.#inputEnded = true;
    this.#updateInterest();
    this.handler.onEnd(this);
    if (this.#finSent && this.#state === OPEN) this.#finish("done");
  }

  /** The connection has ended although nobody reads: a reset closes it, the end of both sides waits to be read. */
  #onHangUp(events: number): void {
    const error = takeError(this.#fd);
    if (error !== 0 || (events & EPOLLERR) !== 0 || this.#inputEnded) return this.#finish(reasonOf(-error));
    this.#interest = UNWATCHED;
    this.#tcp.poller.remove(this.#fd);
  }

  runLate(): void {
    if (this.#state === CLOSED) {
      if (this.#isTold) return;
      this.#isTold = true;
      this.handler.onClose(this, this.#reason);
      return;
    }
    if (this.#interest === NOT_YET) this.#register();
    if (!this.#restIsDue || this.#isPaused || this.#state !== OPEN || this.#rest === undefined) return;
    try {
      this.#show(this.#tcp.input, this.#rest.show(this.#tcp.input));
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** For exceptions of the handler that the poller's barrier would not lay at this stream's door. */
  #giveUp(error: unknown): void {
    this.#tcp.poller.fault(error);
    this.abort("error");
  }

  // ---- writing what was queued ----

  #onWritable(): void {
    if (this.#queue.bytes > 0 && !this.#flush()) return;
    if (this.#outputEnded && !this.#finSent) this.#sendFin();
    const source = this.#blockedSource();
    if (source !== undefined) source.#moveSplice();
    if (this.#state !== OPEN) return;
    this.#updateInterest();
    if (!this.#wantsDrain) return;
    this.#wantsDrain = false;
    this.handler.onDrain(this);
  }

  /** True when the queue has become empty; a failure closes the stream. */
  #flush(): boolean {
    const waiting = this.#queue.flush();
    if (waiting < 0) this.#finish(reasonOf(waiting));
    return waiting === 0;
  }

  #updateInterest(): void {
    if (this.#state === CLOSED || this.#interest === NOT_YET) return;
    const wanted = this.#wantedInterest();
    if (wanted === this.#interest) return;
    if (this.#interest !== UNWATCHED) this.#tcp.poller.change(this.#fd, wanted);
    else if (this.#tcp.poller.add(this.#fd, wanted, this) < 0) return this.#finish("overloaded");
    this.#interest = wanted;
  }

  /** A peer on this machine has accepted by now: the connection is then watched as an open one from the beginning. */
  #register(): void {
    try {
      if (this.#state === CONNECTING && isConnected(this.#fd)) this.#open(0);
    } catch (error) {
      this.#giveUp(error);
    }
    if (this.#state === CLOSED) return;
    this.#interest = this.#wantedInterest();
    if (this.#tcp.poller.add(this.#fd, this.#interest, this) < 0) this.#finish("overloaded");
  }

  #wantedInterest(): number {
    if (this.#state === LINGERING) return EPOLLIN;
    const writes = this.queuedBytes > 0 || this.#state === CONNECTING || this.#blockedSource() !== undefined;
    const reads = this.#state === OPEN && !this.#isPaused && !this.#inputEnded && !this.#spliceBlocked;
    return (reads ? READS : 0) | (writes ? EPOLLOUT : 0);
  }

  // ---- connecting ----

  #open(error: number): void {
    if (error !== 0) return this.#finish(reasonOf(-error));
    this.#state = OPEN;
    this.#queue.isOpen = true;
    if (this.#deadline?.kind === CONNECT_LIMIT) this.deadline(0, 0);
    this.handler.onOpen(this);
    if (this.#state === OPEN) this.#onWritable();
  }

  // ---- splicing ----

  spliceTo(peer: Stream): boolean {
    if (!(peer instanceof TcpStream) || peer === this || this.#splice !== undefined) return false;
    if (this.#state !== OPEN || peer.#state !== OPEN || this.#inputEnded || peer.#outputEnded) return false;
    if (this.#rest !== undefined || peer.queuedBytes > 0 || peer.#spliceSource !== undefined) return false;
    const pipe = this.#tcp.pipes.take();
    if (pipe === undefined) return false;
    this.#splice = new Splice(pipe);
    this.#spliceSink = peer;
    peer.#spliceSource = this;
    return true;
  }

  #moveSplice(): void {
    const splice = this.#splice!;
    const sink = this.#spliceSink!;
    if (sink.queuedBytes > 0) return this.#blockSplice(true);
    const outcome = splice.move(this.#fd, sink.#fd);
    this.receivedBytes += splice.taken;
    sink.#queue.sentBytes += splice.given;
    switch (outcome) {
      case "idle":
      case "moved":
        return this.#blockSplice(false);
      case "blocked":
        return this.#blockSplice(true);
      case "ended":
        this.#blockSplice(false);
        this.#endSplice();
        return this.#endInput();
      case "sourceFailed":
        return this.#finish(reasonOf(splice.error));
      case "sinkFailed":
        return sink.#finish(reasonOf(splice.error));
    }
  }

  /** The stream whose spliced bytes wait for room here. */
  #blockedSource(): TcpStream | undefined {
    const source = this.#spliceSource;
    return source !== undefined && source.#spliceBlocked ? source : undefined;
  }

  #blockSplice(isBlocked: boolean): void {
    if (this.#spliceBlocked === isBlocked) return;
    this.#spliceBlocked = isBlocked;
    this.#updateInterest();
    if (this.#spliceSink !== undefined) this.#spliceSink.#updateInterest();
  }

  #endSplice(): void {
    if (this.#splice === undefined) return;
    this.#tcp.pipes.give(this.#splice.pipe, this.#splice.buffered === 0);
    const sink = this.#spliceSink;
    this.#splice = undefined;
    this.#spliceSink = undefined;
    this.#spliceBlocked = false;
    if (sink === undefined) return;
    sink.#spliceSource = undefined;
    sink.#updateInterest();
  }

  // ---- ending ----

  /** Has the kernel look for the peer when the connection is silent; accepted streams have it from their listener. */
  keepalive(): void {
    if (this.#state !== CLOSED) setKeepalive(this.#fd, {});
  }

  userTimeout(ms: number): void {
    if (this.#state !== CLOSED) setUserTimeout(this.#fd, ms);
  }

  deadline(kind: number, ms: number): void {
    if (this.closed) return;
    const { deadlines } = this.#tcp.poller;
    if (ms > 0) deadlines.arm((this.#deadline ??= new Deadline(this)), kind, ms);
    else if (this.#deadline !== undefined) deadlines.disarm(this.#deadline);
  }

  onDue(kind: number): void {
    if (kind === CONNECT_LIMIT) this.#finish("timeout");
    else if (kind === CLOSE_LIMIT) this.#finish(this.#reason);
    else {
      try {
        this.handler.onDeadline(this, kind);
      } catch (error) {
        this.#giveUp(error);
      }
    }
  }

  close(reason: CloseReason): void {
    if (this.closed) return;
    if (this.#state === CONNECTING) return this.#finish(reason);
    this.#reason = reason;
    this.#state = CLOSING;
    this.#leaveSplices();
    this.#rest = undefined;
    if (this.queuedBytes === 0) return this.#linger();
    this.#limitClosing(FLUSH_MS);
    this.#updateInterest();
  }

  abort(reason: CloseReason): void {
    if (this.#state === CLOSED) return;
    setResetOnClose(this.#fd);
    this.#finish(reason);
  }

  #flushClosing(events: number): void {
    if ((events & EPOLLERR) !== 0) return this.#finish(this.#reason);
    const before = this.#queue.bytes;
    if (this.#flush()) this.#linger();
    else if (this.#state === CLOSING && this.#queue.bytes < before) this.#limitClosing(FLUSH_MS);
  }

  #linger(): void {
    if (this.#inputEnded) return this.#finish(this.#reason);
    if (!this.#finSent) shutdown(this.#fd, SHUT_WR);
    this.#state = LINGERING;
    this.#limitClosing(LINGER_MS);
    this.#updateInterest();
  }

  #drainInput(): void {
    const received = recv(this.#fd, this.#tcp.input, 0, RECEIVE_BYTES);
    if (received === -EAGAIN) return;
    this.#lingered += received;
    if (received <= 0 || this.#lingered > LINGER_BYTES) this.#finish(this.#reason);
  }

  #limitClosing(ms: number): void {
    this.#tcp.poller.deadlines.arm((this.#deadline ??= new Deadline(this)), CLOSE_LIMIT, ms);
  }

  #leaveSplices(): void {
    this.#endSplice();
    const source = this.#spliceSource;
    if (source === undefined) return;
    source.#endSplice();
    source.#updateInterest();
  }

  /** Lets go of everything at once; the handler hears of it at the end of the batch, never from inside its own call. */
  #finish(reason: CloseReason): void {
    if (this.#state === CLOSED) return;
    this.#leaveSplices();
    this.#state = CLOSED;
    this.#reason = reason;
    const { poller } = this.#tcp;
    if (this.#deadline !== undefined) poller.deadlines.remove(this.#deadline);
    this.#rest = undefined;
    this.#queue.clear();
    poller.close(this.#fd);
    this.#tcp.open--;
    this.#source?.onStreamGone();
    poller.late(this);
  }
}
