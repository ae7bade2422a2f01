/** What a match asks besides host and path: method, header fields, query parameters. All must hold. */
import type { HttpMatchConfig } from "#src/config/model.ts";
import { FIELD_NAMES } from "#src/http/field.ts";
import type { Message } from "#src/http/message.ts";
import { sameBytes } from "./byte-map.ts";

const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const PERCENT = 0x25;
const PLUS = 0x2b;

interface HeaderCondition {
  /** Number of the name (field.ts), 0 when it has none. */
  readonly id: number;
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

interface QueryCondition {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

export interface Conditions {
  /** Undefined: any. */
  readonly method: Uint8Array | undefined;
  readonly headers: readonly HeaderCondition[];
  readonly queryParams: readonly QueryCondition[];
}

export function compileConditions(match: HttpMatchConfig): Conditions {
  return {
    method: match.method === "" ? undefined : Buffer.from(match.method, "latin1"),
    headers: match.headers.map(({ name, value }) => ({
      id: Math.max(0, FIELD_NAMES.indexOf(name.toLowerCase() as never)),
      name: Buffer.from(name.toLowerCase(), "latin1"),
      value: Buffer.from(value),
    })),
    queryParams: match.queryParams.map(({ name, value }) => ({ name: Buffer.from(name), value: Buffer.from(value) })),
  };
}

export function conditionsHold(conditions: Conditions, request: Message): boolean {
  const { method, headers, queryParams } = conditions;
  if (method !== undefined && !sameBytes(method, request.bytes, request.methodStart, request.methodEnd)) return false;
  for (let i = 0; i < headers.length; i++) if (!headerHolds(headers[i]!, request)) return false;
  for (let i = 0; i < queryParams.length; i++) if (!queryHolds(queryParams[i]!, request)) return false;
  return true;
}

function headerHolds(wanted: HeaderCondition, request: Message): boolean {
  const index = nextField(wanted, request, 0);
  if (index < 0) return false;
  if (nextField(wanted, request, index + 1) >= 0) return joinedValueIs(wanted, request);
  return sameBytes(wanted.value, request.bytes, request.ranges[index * 4 + 2]!, request.ranges[index * 4 + 3]!);
}

const nextField = (wanted: HeaderCondition, request: Message, from: number): number =>
  wanted.id > 0 ? request.find(wanted.id, from) : request.findName(wanted.name, from);

/** Several lines of one name are one value with commas between (RFC 9110 section 5.3). */
function joinedValueIs(wanted: HeaderCondition, request: Message): boolean {
  const values: string[] = [];
  for (let i = nextField(wanted, request, 0); i >= 0; i = nextField(wanted, request, i + 1))
    values.push(request.value(i));
  const joined = Buffer.from(values.join(","), "latin1");
  return sameBytes(wanted.value, joined, 0, joined.length);
}

/** The first parameter of this name counts (Gateway API, HTTPQueryParamMatch). */
function queryHolds(wanted: QueryCondition, request: Message): boolean {
  const bytes = request.bytes;
  const end = request.targetEnd;
  let at = request.pathEnd + 1;
  while (at < end) {
    let pairEnd = at;
    let equals = -1;
    for (; pairEnd < end && bytes[pairEnd] !== AMPERSAND; pairEnd++) {
      if (equals < 0 && bytes[pairEnd] === EQUALS) equals = pairEnd;
    }
    const nameEnd = equals < 0 ? pairEnd : equals;
    if (decodedIs(wanted.name, bytes, at, nameEnd)) {
      return decodedIs(wanted.value, bytes, equals < 0 ? pairEnd : equals + 1, pairEnd);
    }
    at = pairEnd + 1;
  }
  return false;
}

/** Whether bytes [start, end), percent-decoded and with plus for space, are exactly `wanted`. */
function decodedIs(wanted: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  let i = start;
  for (let k = 0; k < wanted.length; k++) {
    if (i >= end) return false;
    let byte = bytes[i++]!;
    if (byte === PLUS) byte = 0x20;
    else if (byte === PERCENT && i + 1 < end) {
      const value = hexDigit(bytes[i]!) * 16 + hexDigit(bytes[i + 1]!);
      if (value >= 0) {
        byte = value;
        i += 2;
      }
    }
    if (byte !== wanted[k]) return false;
  }
  return i === end;
}

/** Value of a hexadecimal digit, or far below zero. */
export function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 32;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1000;
}
