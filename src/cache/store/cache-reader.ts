/** Lookups in a data process: open addressing over the segment's slots, the key compared in the immutable object. */
import { SLOT_WORDS } from "#src/memory/layout.ts";
import { SharedReader } from "#src/memory/reader.ts";
import type { Segment } from "#src/memory/segment.ts";
import type { CacheKey } from "./key.ts";
import { StoredObject } from "./object.ts";

/** Slots that a key may lie in. Nothing moves and there are no tombstones: a full window evicts. */
export const WINDOW = 8;
/** Words of a slot, after its offset. */
export const SLOT = { hash: 1, visited: 2 } as const;

export class CacheReader {
  readonly segment: Segment;
  readonly reader: SharedReader;
  /** What the last `lookup` found. */
  readonly found: StoredObject;
  readonly #control: Int32Array;
  readonly #slots: number;
  readonly #mask: number;

  constructor(segment: Segment, row: number) {
    this.segment = segment;
    this.reader = new SharedReader(segment, row);
    this.found = new StoredObject(segment);
    this.#control = segment.control;
    this.#slots = segment.layout.slotTable >> 2;
    this.#mask = segment.layout.slots - 1;
  }

  /** Finds what is stored for a key. Between the reader's `enter` and `leave`, and valid until then. */
  lookup(key: CacheKey): boolean {
    for (let i = 0; i < WINDOW; i++) {
      const slot = (key.hash + i) & this.#mask;
      const at = this.#slots + slot * SLOT_WORDS;
      if (this.#control[at + SLOT.hash] !== key.hash) continue;
      const unit = this.reader.load(slot);
      if (unit === 0) continue;
      this.found.point(unit, slot);
      if (!keyIs(this.segment, this.found, key.bytes, key.length)) continue;
      if (this.#control[at + SLOT.visited] === 0) this.#control[at + SLOT.visited] = 1;
      return true;
    }
    return false;
  }
}

export function keyIs(segment: Segment, object: StoredObject, key: Uint8Array, length: number): boolean {
  if (object.keyEnd - object.keyStart !== length) return false;
  const { bytes } = segment.slabOf(object.unit);
  const { keyStart } = object;
  for (let i = 0; i < length; i++) if (bytes[keyStart + i] !== key[i]) return false;
  return true;
}
