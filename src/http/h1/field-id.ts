/**
 * Field name to number (field.ts) without making a string: a hash of length and three bytes leads to the one candidate,
 * which is then compared. The multiplier that separates all names is found once, when the module is loaded.
 */
import { FIELD_NAMES } from "../field.ts";

const SLOTS = 1024;
const names = FIELD_NAMES.map((name) => new TextEncoder().encode(name));
const longest = Math.max(...names.map((name) => name.length));

const { multiplier, slots } = separate();

/** Number of the name in bytes [start, end), which are known to be token bytes; 0 when it has none. */
export function fieldId(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 2 || length > longest) return 0;
  const id = slots[hash(bytes, start, end, multiplier)]!;
  const name = names[id]!;
  if (name.length !== length) return 0;
  // Token bytes that become a letter, a digit or a hyphen by setting bit 5 are that character already, in upper case.
  for (let i = 0; i < length; i++) if ((bytes[start + i]! | 0x20) !== name[i]!) return 0;
  return id;
}

function hash(bytes: Uint8Array, start: number, end: number, by: number): number {
  const middle = end - start < 4 ? start : end - 4;
  const word =
    (bytes[start]! & 31) | ((bytes[end - 1]! & 31) << 5) | ((bytes[middle]! & 31) << 10) | ((end - start) << 15);
  return Math.imul(word, by) >>> 22;
}

function separate(): { multiplier: number; slots: Uint8Array } {
  for (let by = 0x9e3779b1; by < 0x9e3779b1 + 20_000; by += 2) {
    const table = new Uint8Array(SLOTS);
    const isFree = names.every((name, id) => {
      if (id === 0) return true;
      const at = hash(name, 0, name.length, by);
      if (table[at] !== 0) return false;
      table[at] = id;
      return true;
    });
    if (isFree) return { multiplier: by, slots: table };
  }
  throw new Error("Cannot number the field names: no multiplier separates them");
}
