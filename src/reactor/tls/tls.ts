/**
 * What all TLS streams of a process share: one pair of memory BIOs that every connection reads ciphertext from and writes
 * it to, and the slabs around them. The BIOs lie directly over slabs, so nothing is copied that OpenSSL does not copy.
 *
 * Between two events both BIOs are empty: bytes of one connection left there would go to another. `enter` and `leave`
 * hold that.
 */
import type { LateTask, Poller } from "../poller.ts";
import { registerCallback, unregisterCallback } from "../binding.ts";
import { isOutside, Slab } from "../slab.ts";
import { CTRL, MINUS_ONE_LONG, openssl } from "./openssl.ts";
import { chooseAlpn, chooseCertificate } from "./tls-callbacks.ts";
import type { TlsStream } from "./tls-stream.ts";

/** Most plaintext that is encrypted before its records are sent. */
export const PLAIN_BYTES = 64 * 1024;
/** Several times what PLAIN_BYTES and any handshake flight become: OpenSSL must never find this too small. */
const CIPHER_BYTES = 512 * 1024;
/** What a handler may leave unconsumed. */
const REST_BYTES = 192 * 1024;
/** What one event's ciphertext may become, and the record that an earlier one had begun. */
const EVENT_BYTES = 96 * 1024;

/** struct buf_mem_st: size_t length; char *data; size_t max; unsigned long flags. */
const BUF_MEM = { size: 32, length: 0, data: 8, max: 16 } as const;

export interface TlsCounts {
  handshakes: number;
  resumed: number;
  failed: number;
  /** Entries taken from OpenSSL's error queue. */
  errors: number;
  /** Bytes found where there must be none; they were thrown away with their connection. */
  leftovers: number;
}

export class Tls implements Disposable {
  readonly counts: TlsCounts = { handshakes: 0, resumed: 0, failed: 0, errors: 0, leftovers: 0 };
  /** Plaintext of one event. */
  readonly plain = new Slab(REST_BYTES + EVENT_BYTES);
  /** Records on their way out. */
  readonly cipher = new Slab(CIPHER_BYTES);
  /** Small pieces of plaintext gathered for one record. */
  readonly gather = new Slab(PLAIN_BYTES);
  /** For what OpenSSL returns through pointers. */
  readonly scratch = new Slab(512);
  /** The stream that OpenSSL is working for: its callbacks ask it. */
  current: TlsStream | undefined = undefined;
  readonly clientHelloCallback: bigint;
  readonly alpnCallback: bigint;
  readonly #poller: Poller;
  /** False: all ciphertext has been taken, as OpenSSL has said. */
  #mayHaveInput = false;
  readonly #readBuffer = new Slab(BUF_MEM.size);
  readonly #writeBuffer = new Slab(BUF_MEM.size);
  readonly #written = new Uint32Array(this.#writeBuffer.bytes.buffer);
  readonly #readBio = memoryBio();
  readonly #writeBio = memoryBio();

  constructor(poller: Poller) {
    this.#poller = poller;
    this.clientHelloCallback = registerCallback(["pointer", "pointer", "pointer"], "int32", (ssl, alert) =>
      chooseCertificate(this, ssl, alert),
    );
    this.alpnCallback = registerCallback(
      ["pointer", "pointer", "pointer", "pointer", "uint32", "pointer"],
      "int32",
      (_ssl, out, outLength, offered, length) => chooseAlpn(this, out, outLength, offered, length),
    );
    setRange(this.#writeBuffer, this.cipher, 0, 0, CIPHER_BYTES);
    setRange(this.#readBuffer, this.cipher, 0, 0, 0);
    openssl.BIO_ctrl(this.#writeBio, CTRL.setBufMem, 0n, this.#writeBuffer.pointer);
    openssl.BIO_ctrl(this.#readBio, CTRL.setBufMem, 0n, this.#readBuffer.pointer);
    // What node:crypto may have left; within a batch only our own calls can.
    poller.atBatchStart(() => openssl.ERR_clear_error());
  }

  /** Gives a new SSL its reference to both BIOs. */
  attach(ssl: bigint): void {
    openssl.BIO_up_ref(this.#readBio);
    openssl.BIO_up_ref(this.#writeBio);
    openssl.SSL_set_bio(ssl, this.#readBio, this.#writeBio);
  }

  /** OpenSSL works for `stream` from now on; bytes [start, end) of `slab` are its ciphertext. */
  enter(stream: TlsStream, slab: Slab, start: number, end: number): void {
    if (isOutside(slab, start, end - start)) throw new RangeError("Cannot decrypt: range outside the slab");
    this.#expectEmpty();
    this.current = stream;
    this.#mayHaveInput = true;
    setRange(this.#readBuffer, slab, start, end - start, end - start);
    openssl.BIO_ctrl(this.#readBio, CTRL.setBufMem, 0n, this.#readBuffer.pointer);
  }

  /** As `enter`, to write only. What is left of the stream's own input stays. */
  enterToWrite(stream: TlsStream): void {
    if (this.current === stream && this.written === 0) return;
    this.#expectEmpty();
    this.current = stream;
  }

  /** As the poller's. */
  late(task: LateTask): void {
    this.#poller.late(task);
  }

  /** Whether OpenSSL has taken all ciphertext: what it then holds is the beginning of a record at most. */
  takenAll(): boolean {
    if (this.#mayHaveInput) this.#mayHaveInput = openssl.BIO_ctrl(this.#readBio, CTRL.pending, 0n, 0n) !== 0n;
    return !this.#mayHaveInput;
  }

  /** Bytes of `cipher` that wait to be sent. */
  get written(): number {
    return this.#written[0]!;
  }

  /** The bytes of `cipher` have been sent or queued. */
  clearWritten(): void {
    this.#written[0] = 0;
    openssl.BIO_ctrl(this.#writeBio, CTRL.setBufMem, 0n, this.#writeBuffer.pointer);
  }

  /** The words of the newest entry in OpenSSL's error queue, which is empty then. "" when it was. */
  takeError(): string {
    let text = "";
    for (let code = openssl.ERR_get_error(); code !== 0n; code = openssl.ERR_get_error()) {
      this.counts.errors++;
      openssl.ERR_error_string_n(code, this.scratch.pointer, 256n);
      text = cText(this.scratch).split(":").at(-1) ?? "";
    }
    return text;
  }

  /** After all streams are closed. */
  [Symbol.dispose](): void {
    openssl.BIO_free(this.#readBio);
    openssl.BIO_free(this.#writeBio);
    unregisterCallback(this.clientHelloCallback);
    unregisterCallback(this.alpnCallback);
  }

  /** `stream` is over; what is left of its input or output is dropped with it. */
  abandon(stream: TlsStream): void {
    if (this.current !== stream) return;
    this.current = undefined;
    this.#mayHaveInput = false;
    setRange(this.#readBuffer, this.cipher, 0, 0, 0);
    openssl.BIO_ctrl(this.#readBio, CTRL.setBufMem, 0n, this.#readBuffer.pointer);
    this.clearWritten();
  }

  /** Whatever is here belongs to another connection and must not reach this one. */
  #expectEmpty(): void {
    if (this.takenAll() && this.written === 0) return;
    this.counts.leftovers++;
    if (this.current !== undefined) this.abandon(this.current);
  }
}

function memoryBio(): bigint {
  const bio = openssl.BIO_new(openssl.BIO_s_mem());
  // Empty means "later" and not "ended".
  openssl.BIO_ctrl(bio, CTRL.bufMemEofReturn, MINUS_ONE_LONG, 0n);
  return bio;
}

function setRange(buffer: Slab, slab: Slab, start: number, length: number, max: number): void {
  buffer.view.setBigUint64(BUF_MEM.length, BigInt(length), true);
  buffer.view.setBigUint64(BUF_MEM.data, slab.pointer + BigInt(start), true);
  buffer.view.setBigUint64(BUF_MEM.max, BigInt(max), true);
}

/** The zero-terminated text at a slab's beginning. */
export function cText(slab: Slab): string {
  const end = slab.bytes.indexOf(0);
  return Buffer.from(slab.bytes.subarray(0, end < 0 ? slab.length : end)).toString("latin1");
}
