/**
 * The config stream's frames: four bytes of length (big-endian), then that many bytes of JSON. A client begins with
 * `hello` (in a cluster with `token`, then `hello`) and may repeat it: to be sent everything that differs, or to change
 * between following and watching. Each `update` is atomic and answered by one `ack`; who only watches is told by
 * `offer` what it would get, and acknowledges what it holds all the same.
 */
import type { Entry } from "#src/config/model.ts";
import type { Command, Observation, Rejection } from "./update.ts";

export const PROTOCOL = 1;

/** What the server accepts from a client: the largest is a hello, about 60 bytes for each entry that it has. */
export const MAX_CLIENT_FRAME_BYTES = 64 * 1024 * 1024;
/** The same from a pod, which may be in other hands: enough for 150,000 entries. */
export const MAX_POD_FRAME_BYTES = 16 * 1024 * 1024;
/** What a client accepts from its server: the largest is a first update with every zone's text. */
export const MAX_SERVER_FRAME_BYTES = 512 * 1024 * 1024;

/** Who the client is: a service account's token. First of all, and again before the one before expires. */
interface TokenFrame {
  readonly type: "token";
  readonly token: string;
}

export interface HelloFrame {
  readonly type: "hello";
  readonly protocol: number;
  /** Whom the server should take it for; what that one may see is the server's decision. */
  readonly client: string;
  /** True: send updates. False: send offers. */
  readonly follow: boolean;
  /** What it holds, by name. A server that does not know that digest answers `want`. */
  readonly digest?: string;
  /** What it holds, version by key; then the digest is not asked. */
  readonly have?: Readonly<Record<string, string>>;
}

export interface UpdateFrame {
  readonly type: "update";
  readonly upsert: readonly Entry[];
  readonly remove: readonly string[];
  /** Of everything after this update. */
  readonly digest: string;
  /** How new it is, comparable between the replicas of a controller; 0 where there is one server. */
  readonly revision: number;
}

/** What a server has, to a client that decides whom to follow. */
export interface OfferFrame {
  readonly type: "offer";
  /** Names the server's process: two addresses may lead to one. */
  readonly server: string;
  /** Of what this client would get; "": nothing yet. */
  readonly digest: string;
  readonly revision: number;
  /** The leader's term, larger with every leader; 0: it is not the leader. */
  readonly term: number;
}

/** Say hello again, with `have`: the digest named something that the server does not remember. */
interface WantFrame {
  readonly type: "want";
}

/** Why the server will end the connection. */
interface RefusedFrame {
  readonly type: "refused";
  readonly reason: string;
}

export interface AckFrame {
  readonly type: "ack";
  readonly digest: string;
  readonly rejected: readonly Rejection[];
}

export interface ObservedFrame extends Observation {
  readonly type: "observed";
  /** Which data process saw it; absent when the main did. */
  readonly process?: number;
}

export interface CommandFrame extends Command {
  readonly type: "command";
  /** Comes back in the results. */
  readonly id: number;
}

/** What became of a command: one per process that carried it out. */
export interface CommandOutcome {
  readonly process?: number;
  readonly value?: unknown;
  readonly error?: string;
}

interface ResultFrame {
  readonly type: "result";
  readonly id: number;
  readonly outcomes: readonly CommandOutcome[];
}

interface PingFrame {
  readonly type: "ping";
}

export type ClientFrame = TokenFrame | HelloFrame | AckFrame | ObservedFrame | ResultFrame | PingFrame;
export type ServerFrame = UpdateFrame | OfferFrame | WantFrame | RefusedFrame | CommandFrame | PingFrame;

export function encodeFrame(frame: ClientFrame | ServerFrame): Buffer {
  const text = JSON.stringify(frame);
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(4 + length);
  bytes.writeUInt32BE(length, 0);
  bytes.write(text, 4);
  return bytes;
}

/** Cuts a byte stream into frames' JSON values. */
export class FrameDecoder {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #held = 0;
  /** Bytes of the frame being read, its length included; 4 until the length is known. */
  #wanted = 4;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The values that `chunk` completes, or the reason why the stream cannot go on. */
  push(chunk: Buffer): unknown[] | "tooLong" | "notJson" {
    this.#parts.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#wanted) return [];
    let bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts, this.#held);
    const values: unknown[] = [];
    for (;;) {
      this.#wanted = 4;
      if (bytes.length < 4) break;
      const length = bytes.readUInt32BE(0);
      if (length > this.#maxBytes) return "tooLong";
      this.#wanted = 4 + length;
      if (bytes.length < this.#wanted) break;
      try {
        values.push(JSON.parse(bytes.toString("utf8", 4, this.#wanted)));
      } catch {
        return "notJson";
      }
      bytes = bytes.subarray(this.#wanted);
    }
    this.#parts = bytes.length === 0 ? [] : [bytes];
    this.#held = bytes.length;
    return values;
  }
}
