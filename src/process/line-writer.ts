/**
 * Lines for a log that has one per request, connection or query, written off the hot path: whoever serves fills a record
 * that is used again and again, and a later turn of the event loop makes lines of the waiting records and has them
 * written. Everything is bounded: when the reader is slower than the traffic, records are dropped and counted.
 */
import { closeSync, constants, fstatSync, openSync, write, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Records wait this long for company, so that a line costs a small part of a system call. */
const GATHER_MS = 20;
/** A non-blocking reader that is full is tried again after this. */
const RETRY_MS = 10;
/** What is still waiting at the end has this long to leave. */
const LEAVE_MS = 1000;
/** Writes up to PIPE_BUF bytes are not mixed with those of other processes at the same pipe (pipe(7)). */
const PIPE_BUF = 4096;
/** Other files are written in larger pieces. Also how much is formatted in one turn of the event loop. */
const FILE_BYTES = 64 * 1024;
/** Pieces written in one turn of the event loop, where a write cannot block. */
const PIECES = 8;

export interface LineWriterOptions {
  /** Open for writing; it stays the caller's. */
  readonly fd: number;
}

export interface LineQueueOptions<R> {
  /** Records that may wait; more are dropped. */
  readonly capacity: number;
  /** An empty record; called up to `capacity` times, and each is filled again and again. */
  readonly make: () => R;
  /** The record as one line, without its newline. Called outside of the hot path. */
  readonly format: (record: R) => string;
}

/** The records of one log that wait to be written. */
export class LineQueue<R> {
  /** Records that found no room, and lines that could not be written. */
  dropped = 0;
  readonly #options: LineQueueOptions<R>;
  readonly #wake: (isUrgent: boolean) => void;
  readonly #records: R[] = [];
  #first = 0;
  #count = 0;

  /** Use LineWriter.queue. */
  constructor(options: LineQueueOptions<R>, wake: (isUrgent: boolean) => void) {
    this.#options = options;
    this.#wake = wake;
  }

  get waiting(): number {
    return this.#count;
  }

  /** Hot: a record to be filled before this turn ends, or undefined when too many wait. Its line is written later. */
  take(): R | undefined {
    const { capacity, make } = this.#options;
    if (this.#count === capacity) {
      this.dropped++;
      return undefined;
    }
    let index = this.#first + this.#count;
    if (index >= capacity) index -= capacity;
    if (index === this.#records.length) this.#records.push(make());
    this.#count++;
    if (this.#count === 1) this.#wake(false);
    else if (this.#count === capacity >> 1) this.#wake(true);
    return this.#records[index];
  }

  /** The line of the record that has waited longest, or undefined when none waits. */
  format(): string | undefined {
    if (this.#count === 0) return undefined;
    const record = this.#records[this.#first]!;
    this.#count--;
    this.#first = this.#first + 1 === this.#options.capacity ? 0 : this.#first + 1;
    return this.#options.format(record);
  }
}

/** Anything that gives lines, whatever its records are. */
interface LineSource {
  dropped: number;
  readonly waiting: number;
  format(): string | undefined;
}

/** One descriptor and the logs that are written to it, each line whole. One write is under way at a time. */
export class LineWriter implements AsyncDisposable {
  readonly #fd: number;
  /** #fd is a pipe opened once more by us, so that no write to it waits for its reader. */
  readonly #isOwn: boolean;
  /** Lines are put together up to this many bytes. */
  readonly #pieceBytes: number;
  readonly #sources: LineSource[] = [];
  readonly #bytes = Buffer.allocUnsafe(FILE_BYTES);
  /** The piece being written: bytes [#at, #end) of its lines, whose source is told when they are lost. */
  #at = 0;
  #end = 0;
  #lines: LineSource[] = [];
  /** A line that had no room in the last piece. */
  #next: { readonly line: string; readonly source: LineSource } | undefined = undefined;
  #isWriting = false;
  /** The system has been given a write and has not answered: the descriptor must stay. */
  #isUnderWay = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined = undefined;
  #immediate: NodeJS.Immediate | undefined = undefined;

  constructor(options: LineWriterOptions) {
    const isPipe = fstatSync(options.fd).isFIFO();
    const own = isPipe ? openNonBlocking(options.fd) : undefined;
    this.#fd = own ?? options.fd;
    this.#isOwn = own !== undefined;
    this.#pieceBytes = isPipe ? PIPE_BUF : FILE_BYTES;
  }

  /** A further log. Logs take turns. */
  queue<R>(options: LineQueueOptions<R>): LineQueue<R> {
    const queue = new LineQueue(options, (isUrgent) => this.#wake(isUrgent));
    this.#sources.push(queue);
    return queue;
  }

  /** Writes what still waits, as far as the reader takes it within a second; what comes later is dropped. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#startPiece();
    for (let waited = 0; this.#isBusy() && waited < LEAVE_MS; waited += RETRY_MS) await sleep(RETRY_MS);
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    if (this.#isOwn && !this.#isUnderWay) closeSync(this.#fd);
  }

  #isBusy(): boolean {
    return this.#isWriting || this.#next !== undefined || this.#sources.some(({ waiting }) => waiting > 0);
  }

  /** From the hot path: nothing is formatted here. */
  #wake(isUrgent: boolean): void {
    if (this.#isWriting || this.#isClosed) return;
    if (isUrgent) {
      this.#immediate ??= setImmediate(() => {
        this.#immediate = undefined;
        this.#startPiece();
      });
    } else {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#startPiece();
      }, GATHER_MS);
    }
  }

  #startPiece(): void {
    if (this.#isWriting || this.#isClosed) return;
    for (let pieces = 0; pieces < PIECES; pieces++) {
      this.#at = this.#end = 0;
      this.#lines.length = 0;
      this.#gather();
      if (this.#end === 0) return;
      if (!this.#isOwn || !this.#writeNow()) return this.#writePiece();
    }
    this.#wake(true);
  }

  /** False when the pipe is full. All of a piece or nothing is written: it is no longer than PIPE_BUF. */
  #writeNow(): boolean {
    try {
      writeSync(this.#fd, this.#bytes, this.#at, this.#end - this.#at);
      return true;
    } catch {
      return false;
    }
  }

  /** Fills the piece with whole lines, a line from each log in turn. */
  #gather(): void {
    for (;;) {
      if (this.#next !== undefined && !this.#put(this.#next.line, this.#next.source)) return;
      this.#next = undefined;
      let isEmpty = true;
      for (const source of this.#sources) {
        const line = source.format();
        if (line === undefined) continue;
        isEmpty = false;
        if (this.#put(line, source)) continue;
        this.#next = { line, source };
        return;
      }
      if (isEmpty) return;
    }
  }

  /** False when the piece is full. A line that no piece could hold is dropped. */
  #put(line: string, source: LineSource): boolean {
    const length = Buffer.byteLength(line) + 1;
    if (length > this.#pieceBytes) {
      source.dropped++;
      return true;
    }
    if (this.#end + length > this.#pieceBytes) return false;
    this.#end += this.#bytes.write(line, this.#end);
    this.#bytes[this.#end++] = 0x0a;
    this.#lines.push(source);
    return true;
  }

  #writePiece(): void {
    this.#isWriting = true;
    this.#isUnderWay = true;
    write(this.#fd, this.#bytes, this.#at, this.#end - this.#at, null, (error, written) => {
      this.#isUnderWay = false;
      if (this.#isClosed) {
        if (this.#isOwn) closeSync(this.#fd);
        return;
      }
      if (error?.code === "EAGAIN") {
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.#writePiece();
        }, RETRY_MS);
        return;
      }
      if (error === null) this.#at += written;
      else this.#lose();
      if (this.#at < this.#end) return this.#writePiece();
      this.#isWriting = false;
      this.#startPiece();
    });
  }

  /** The piece cannot be written (no reader, no space): serving goes on, the lines are counted. */
  #lose(): void {
    for (const source of this.#lines) source.dropped++;
    this.#at = this.#end;
  }
}

/** The pipe behind a descriptor, opened anew; undefined when that is not allowed (it may be another user's). */
function openNonBlocking(fd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}
