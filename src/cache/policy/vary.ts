/** Which stored response of several fits a request (RFC 9111 section 4.1). */
import { FIELD } from "#src/http/field.ts";
import type { Message } from "#src/http/message.ts";

const COMMA = 44;
const STAR = 42;
const encoder = new TextEncoder();

/** A request field that selects a variant: its number (0 when it has none) and its name in lower case. */
export interface VaryName {
  readonly id: number;
  readonly name: Uint8Array;
}

export function isVaryStar(response: Message): boolean {
  for (let i = response.find(FIELD.vary); i >= 0; i = response.find(FIELD.vary, i + 1)) {
    for (let at = response.ranges[i * 4 + 2]!; at < response.ranges[i * 4 + 3]!; at++)
      if (response.bytes[at] === STAR) return true;
  }
  return false;
}

/** The names that Vary lists, each once, in order of the alphabet, so that two ways of writing the same agree. */
export function varyNames(response: Message, numberOf: (name: string) => number): VaryName[] {
  const names = new Set<string>();
  for (let i = response.find(FIELD.vary); i >= 0; i = response.find(FIELD.vary, i + 1)) {
    for (const name of response.value(i).split(",")) if (name.trim() !== "") names.add(name.trim().toLowerCase());
  }
  return [...names].toSorted().map((name) => ({ id: numberOf(name), name: encoder.encode(name) }));
}

/**
 * Appends a request's values of the named fields to `into` from `at` on: fields of one name joined by commas, white space
 * around commas left out, each name's values ended by a zero byte, which no value contains. Returns the end, or -1 when
 * there is no room.
 */
export function appendVariantKey(request: Message, names: readonly VaryName[], into: Uint8Array, at: number): number {
  let end = at;
  for (const { id, name } of names) {
    // An absent field differs from an empty one.
    let found = false;
    let i = id > 0 ? request.find(id) : request.findName(name);
    for (; i >= 0; i = id > 0 ? request.find(id, i + 1) : request.findName(name, i + 1)) {
      if (end >= into.length) return -1;
      into[end++] = COMMA;
      found = true;
      end = appendValue(request, i, into, end);
      if (end < 0) return -1;
    }
    if (end + 2 > into.length) return -1;
    if (!found) into[end++] = 1;
    into[end++] = 0;
  }
  return end;
}

function appendValue(request: Message, index: number, into: Uint8Array, at: number): number {
  const { bytes } = request;
  const stop = request.ranges[index * 4 + 3]!;
  let end = at;
  for (let i = request.ranges[index * 4 + 2]!; i < stop; i++) {
    const c = bytes[i]!;
    const space = c === 32 || c === 9;
    if (space && (bytes[i + 1] === COMMA || into[end - 1] === COMMA || bytes[i + 1] === 32 || bytes[i + 1] === 9))
      continue;
    if (end >= into.length) return -1;
    into[end++] = c;
  }
  return end;
}
