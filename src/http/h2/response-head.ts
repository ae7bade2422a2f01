/**
 * Renders response heads and trailers as HEADERS and CONTINUATION frames: the fields of a Message as `FieldEdits` change
 * them, without what belongs to an HTTP/1.1 connection (RFC 9113 section 8.2.2).
 */
import { BODY, HOP_BY_HOP, Message } from "../message.ts";
import type { PreparedResponse } from "../exchange.ts";
import { FIELD, FIELD_NAMES } from "../field.ts";
import type { AddedField, FieldEdits } from "../field-edits.ts";
import { FLAG, FRAME, FRAME_HEADER, MAX_FRAME_SIZE, writeFrameHeader } from "./frame.ts";
import { encodeDecimal, encodeName, encodeStatus, encodeString, LITERAL_OVERHEAD } from "./hpack/encoder.ts";

const NOTHING = new Uint8Array(0);

/** 1 for each numbered field that never reaches an HTTP/2 client. */
const IS_HOP_BY_HOP = new Uint8Array(FIELD_NAMES.length);
for (const id of HOP_BY_HOP) IS_HOP_BY_HOP[id] = 1;

/** Octets of :status, Content-Length, Date and Age at most. */
export const OWN_FIELDS = 5 + 20 + 40 + 16;

/** The octets that `writeHead` may need for this head, frame headers included. */
export function headBound(head: Message, edits: FieldEdits | undefined): number {
  let bound = OWN_FIELDS;
  for (let i = 0; i < head.fieldCount; i++) {
    const at = i * 4;
    bound += head.ranges[at + 1]! - head.ranges[at]! + head.ranges[at + 3]! - head.ranges[at + 2]! + LITERAL_OVERHEAD;
  }
  if (edits !== undefined) {
    for (const field of edits.added) bound += field.name.length + field.value.length + LITERAL_OVERHEAD;
  }
  return bound + FRAME_HEADER * (2 + Math.trunc(bound / MAX_FRAME_SIZE));
}

/** Writes the frames of a final or interim head; returns the position after them. `date` is an IMF-fixdate, for a head without one. */
export function writeHead(
  target: Uint8Array,
  at: number,
  id: number,
  head: Message,
  edits: FieldEdits | undefined,
  date: Uint8Array | undefined,
  endStream: boolean,
): number {
  const blockStart = at + FRAME_HEADER;
  let end = encodeStatus(target, blockStart, edits !== undefined && edits.status !== 0 ? edits.status : head.status);
  if (date !== undefined && !head.hasField(FIELD.date)) end = writeDate(target, end, date);
  if (head.body === BODY.length) {
    end = encodeName(target, end, FIELD["content-length"], NOTHING, 0, 0);
    end = encodeDecimal(target, end, head.contentLength);
  }
  end = writeFields(target, end, head, edits, head.body !== BODY.none);
  return finishBlock(target, at, id, end - blockStart, endStream);
}

/** A copy of trailers with octets of its own. */
export function copyOfTrailers(trailers: Message): Message {
  let start = trailers.bytes.length;
  let end = 0;
  for (let i = 0; i < trailers.fieldCount * 4; i += 2) {
    start = Math.min(start, trailers.ranges[i]!);
    end = Math.max(end, trailers.ranges[i + 1]!);
  }
  return Message.copyOf(trailers, Math.min(start, end), end);
}

/** The octets that `writePrepared` may need. */
export function preparedBound(prepared: PreparedResponse, bodyLength: number): number {
  const frames = 1 + Math.ceil(bodyLength / MAX_FRAME_SIZE);
  return prepared.h2End - prepared.h2Start + OWN_FIELDS + bodyLength + frames * FRAME_HEADER;
}

/** The hit path: prepared block, Date, Age and the whole body, for which there is window. The block fits into one frame. */
export function writePrepared(
  target: Uint8Array,
  at: number,
  id: number,
  prepared: PreparedResponse,
  bodyLength: number,
  date: Uint8Array,
): number {
  const source = prepared.slab.bytes;
  const block = at + FRAME_HEADER;
  target.set(source.subarray(prepared.h2Start, prepared.h2End), block);
  let end = writeDate(target, block + prepared.h2End - prepared.h2Start, date);
  if (prepared.age >= 0) end = writeAge(target, end, prepared.age);
  const flags = bodyLength === 0 ? FLAG.endHeaders | FLAG.endStream : FLAG.endHeaders;
  writeFrameHeader(target, at, end - block, FRAME.headers, flags, id);
  for (let from = prepared.bodyStart, left = bodyLength; left > 0;) {
    const length = Math.min(left, MAX_FRAME_SIZE);
    left -= length;
    end = writeFrameHeader(target, end, length, FRAME.data, left === 0 ? FLAG.endStream : 0, id);
    target.set(source.subarray(from, from + length), end);
    end += length;
    from += length;
  }
  return end;
}

/** A response that is its status alone. At most 64 octets. */
export function writeBareHead(target: Uint8Array, at: number, id: number, status: number, date: Uint8Array): number {
  const blockStart = at + FRAME_HEADER;
  const end = writeDate(target, encodeStatus(target, blockStart, status), date);
  return finishBlock(target, at, id, end - blockStart, true);
}

/** Trailers, which end the stream. */
export function writeTrailers(target: Uint8Array, at: number, id: number, trailers: Message): number {
  const blockStart = at + FRAME_HEADER;
  const end = writeFields(target, blockStart, trailers, undefined, true);
  return finishBlock(target, at, id, end - blockStart, true);
}

/** A Date field. 33 octets. */
function writeDate(target: Uint8Array, at: number, date: Uint8Array): number {
  at = encodeName(target, at, FIELD.date, NOTHING, 0, 0);
  return encodeString(target, at, date, 0, date.length);
}

/** An Age field in seconds. At most 16 octets. */
function writeAge(target: Uint8Array, at: number, age: number): number {
  at = encodeName(target, at, FIELD.age, NOTHING, 0, 0);
  return encodeDecimal(target, at, age);
}

function writeFields(
  target: Uint8Array,
  at: number,
  head: Message,
  edits: FieldEdits | undefined,
  dropLength: boolean,
): number {
  const named = head.hasField(FIELD.connection) ? connectionNames(head) : undefined;
  for (let i = 0; i < head.fieldCount; i++) {
    const id = head.ids[i]!;
    if (IS_HOP_BY_HOP[id] === 1 || (dropLength && id === FIELD["content-length"])) continue;
    if (edits !== undefined && isRemoved(head, i, edits)) continue;
    if (named !== undefined && named.has(head.name(i).toLowerCase())) continue;
    const range = i * 4;
    at = encodeName(target, at, id, head.bytes, head.ranges[range]!, head.ranges[range + 1]!);
    at = encodeString(target, at, head.bytes, head.ranges[range + 2]!, head.ranges[range + 3]!);
  }
  if (edits !== undefined) for (const field of edits.added) at = writeAdded(target, at, field);
  return at;
}

function writeAdded(target: Uint8Array, at: number, field: AddedField): number {
  at = encodeName(target, at, field.id, field.name, 0, field.name.length);
  return encodeString(target, at, field.value, 0, field.value.length);
}

function isRemoved(head: Message, index: number, edits: FieldEdits): boolean {
  const id = head.ids[index]!;
  if (id !== 0) return edits.removedIds[id] === 1;
  for (const name of edits.removedNames) if (head.findName(name, index) === index) return true;
  return false;
}

/** The names that an HTTP/1.1 message's Connection fields list: they go no further (RFC 9110 section 7.6.1). */
function connectionNames(head: Message): Set<string> {
  const names = new Set<string>();
  for (let i = head.find(FIELD.connection); i >= 0; i = head.find(FIELD.connection, i + 1)) {
    for (const name of head.value(i).split(",")) names.add(name.trim().toLowerCase());
  }
  return names;
}

/** Puts the frame header in front of a block at `at` + 9; one longer than a frame goes on in CONTINUATION frames. */
function finishBlock(target: Uint8Array, at: number, id: number, length: number, endStream: boolean): number {
  const endFlag = endStream ? FLAG.endStream : 0;
  const frames = Math.max(1, Math.ceil(length / MAX_FRAME_SIZE));
  const blockStart = at + FRAME_HEADER;
  for (let i = frames - 1; i > 0; i--) {
    const from = blockStart + i * MAX_FRAME_SIZE;
    const size = Math.min(MAX_FRAME_SIZE, length - i * MAX_FRAME_SIZE);
    target.copyWithin(from + i * FRAME_HEADER, from, from + size);
    writeFrameHeader(
      target,
      from + (i - 1) * FRAME_HEADER,
      size,
      FRAME.continuation,
      i === frames - 1 ? FLAG.endHeaders : 0,
      id,
    );
  }
  writeFrameHeader(
    target,
    at,
    Math.min(length, MAX_FRAME_SIZE),
    FRAME.headers,
    endFlag | (frames === 1 ? FLAG.endHeaders : 0),
    id,
  );
  return blockStart + length + (frames - 1) * FRAME_HEADER;
}
