/** The client's side of an HTTP/2 connection in memory, and the server's under test. */
import assert from "node:assert/strict";
import { Slab } from "#src/reactor/slab.ts";
import { FakeParts, FakeStream, type FakeStreamOptions } from "#src/testing/fake-stream.ts";
import { HttpDate } from "../../engine/http-date.ts";
import { DEFAULT_LIMITS, type HttpLimits } from "../../engine/limits.ts";
import { OutBuffer } from "../../engine/out-buffer.ts";
import type { EngineServices, FinishedExchange } from "../../engine/services.ts";
import { FieldEdits } from "../../field-edits.ts";
import type { Stage } from "../../stage.ts";
import { H2Connection } from "../connection.ts";
import { FLAG, FRAME, PREFACE, readUint32, writeFrameHeader, writeWindowUpdate } from "../frame.ts";
import { encodeName, encodeString } from "../hpack/encoder.ts";
import { nameCode } from "../hpack/name-code.ts";
import { FieldSection } from "../field-section.ts";
import { HpackDecoder } from "../hpack/decoder.ts";
import { H2Shared } from "../shared.ts";

export const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

// --- the client's side

export function frame(type: number, flags: number, id: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(9 + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, id);
  bytes.set(payload, 9);
  return bytes;
}

export type Fields = readonly (readonly [string, string])[];

export function block(fields: Fields): Uint8Array {
  const bytes = new Uint8Array(70_000);
  let end = 0;
  for (const [name, value] of fields) {
    end = encodeName(bytes, end, Math.max(0, nameCode(octets(name), 0, name.length)), octets(name), 0, name.length);
    end = encodeString(bytes, end, octets(value), 0, value.length);
  }
  return bytes.slice(0, end);
}

export const GET: Fields = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/a?b=c"],
  [":authority", "example.com:8080"],
];
export const POST: Fields = [[":method", "POST"], ...GET.slice(1)];
export const WEBSOCKET: Fields = [[":method", "CONNECT"], [":protocol", "websocket"], ...GET.slice(1)];

export const headers = (id: number, fields: Fields, endStream = true): Uint8Array =>
  frame(FRAME.headers, FLAG.endHeaders | (endStream ? FLAG.endStream : 0), id, block(fields));
export const data = (id: number, text: string, endStream = false): Uint8Array =>
  frame(FRAME.data, endStream ? FLAG.endStream : 0, id, octets(text));
export const settings = (...pairs: [number, number][]): Uint8Array => {
  const payload = Buffer.alloc(pairs.length * 6);
  pairs.forEach(([key, value], i) => {
    payload.writeUInt16BE(key, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return frame(FRAME.settings, 0, 0, payload);
};
export const windowUpdate = (id: number, increment: number): Uint8Array => {
  const bytes = new Uint8Array(13);
  writeWindowUpdate(bytes, 0, id, increment);
  return bytes;
};
export const HELLO = Buffer.concat([PREFACE, settings()]);

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Uint8Array;
}

export function framesOf(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    frames.push({
      type: bytes[at + 3]!,
      flags: bytes[at + 4]!,
      id: readUint32(bytes, at + 5),
      payload: bytes.slice(at + 9, at + 9 + length),
    });
    at += 9 + length;
    assert.ok(at <= bytes.length, "whole frames only");
  }
  return frames;
}

/** A header block as `name: value` lines. */
export function fieldsOf(payload: Uint8Array, decoder = new HpackDecoder()): string[] {
  const section = new FieldSection(65_536, 256, 65_536);
  const kind = payload[0] === 0x08 || payload[0]! >= 0x88 ? "response" : "trailers";
  section.begin(kind);
  assert.equal(decoder.decode(payload, 0, payload.length, section), undefined);
  assert.equal(section.malformed, undefined);
  const { message } = section;
  const fields = Array.from({ length: message.fieldCount }, (_, i) => `${message.name(i)}: ${message.value(i)}`);
  return kind === "response" ? [`:status ${message.status}`, ...fields] : fields;
}

// --- the server's side

export class Harness {
  readonly refused: string[] = [];
  readonly finished: { status: number; aborted: string; bytesIn: number; bytesOut: number }[] = [];
  readonly out = new OutBuffer(new Slab(128 * 1024));
  readonly services: EngineServices;
  readonly stream: FakeStream;
  readonly connection: H2Connection;
  readonly loop = { now: 0 };
  opened = 0;

  constructor(
    onRequest: Stage["onRequest"],
    options: { limits?: Partial<HttpLimits>; onResponse?: Stage["onResponse"]; stream?: FakeStreamOptions } = {},
  ) {
    this.services = {
      loop: this.loop,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      date: new HttpDate(() => Date.UTC(2026, 0, 1)),
      observer: {
        onConnection: () => this.opened++,
        onConnectionEnd: () => this.opened--,
        onRequest: () => undefined,
        onFinish: (exchange: FinishedExchange) =>
          this.finished.push({
            status: exchange.status,
            aborted: exchange.aborted,
            bytesIn: exchange.bytesIn,
            bytesOut: exchange.bytesOut,
          }),
        onRefused: (reason) => this.refused.push(reason),
      },
      out: this.out,
      parts: new FakeParts(),
      edits: new FieldEdits(),
    };
    this.stream = new FakeStream(options.stream);
    const stage: Stage =
      options.onResponse === undefined ? { onRequest } : { onRequest, onResponse: options.onResponse };
    this.connection = new H2Connection(
      this.stream,
      { current: { secure: false, stages: [stage] } },
      new H2Shared(this.services),
    );
    this.stream.handler = this.connection;
    this.out.flush();
  }

  send(...frames: Uint8Array[]): void {
    this.stream.receive(Buffer.concat(frames));
    this.out.flush();
  }

  /** Frames sent since the last call, without our SETTINGS, its acknowledgement and WINDOW_UPDATE of the connection. */
  take(): Frame[] {
    return framesOf(Buffer.from(this.stream.takeSent(), "latin1")).filter(
      (one) => one.type !== FRAME.settings && !(one.type === FRAME.windowUpdate && one.id === 0),
    );
  }
}

export const dataText = (frames: readonly Frame[], id: number): string =>
  Buffer.concat(frames.filter((one) => one.type === FRAME.data && one.id === id).map((one) => one.payload)).toString();

export const errorOf = (frames: readonly Frame[]): string => {
  const last = frames.at(-1);
  if (last === undefined) return "nothing";
  if (last.type === FRAME.goaway) return `goaway ${readUint32(last.payload, 4)}`;
  if (last.type === FRAME.rstStream) return `reset ${readUint32(last.payload, 0)}`;
  return `frame ${last.type}`;
};

