/** The main's side of the store: gives memory to those who fill it, publishes, evicts within the byte budget. */
import { SLOT_WORDS } from "#src/memory/layout.ts";
import { Lessor, type LeaseOwner } from "#src/memory/lease.ts";
import type { Segment } from "#src/memory/segment.ts";
import { SharedWriter } from "#src/memory/writer.ts";
import { SLOT, WINDOW, keyIs } from "./cache-reader.ts";
import { StoredObject } from "./object.ts";
import { Sieve } from "./sieve.ts";

/** Share of the arena that may be in use before objects are evicted: the rest is at hand while what was evicted waits for readers. */
const FULL = 0.9;
/** Objects evicted at once for one that finds no room. */
const MOST_EVICTED = 256;

export interface CacheWriterOptions {
  readonly segment: Segment;
  /** Wakes the data process of a row. */
  readonly wake: (row: number) => void;
}

/** Why an object went; the metric's label. `window`: the places for its key were all taken. */
export type EvictionReason = "full" | "window" | "fragmented";

export class CacheWriter implements LeaseOwner {
  readonly evictions: Record<EvictionReason, number> = { full: 0, window: 0, fragmented: 0 };
  readonly writer: SharedWriter;
  readonly #segment: Segment;
  readonly #lessor: Lessor;
  readonly #sieve: Sieve;
  readonly #object: StoredObject;
  readonly #other: StoredObject;

  constructor({ segment, wake }: CacheWriterOptions) {
    this.#segment = segment;
    this.writer = new SharedWriter(segment);
    this.#sieve = new Sieve(segment.layout.slots);
    this.#object = new StoredObject(segment);
    this.#other = new StoredObject(segment);
    this.#lessor = new Lessor(segment, this.writer, this, wake);
    for (let slot = 0; slot < segment.layout.slots; slot++) if (this.writer.load(slot) !== 0) this.#sieve.insert(slot);
  }

  /** Stored objects, markers of variants included. */
  get objects(): number {
    return this.#sieve.count;
  }

  /** Bytes in use, what is leased or waits for readers included. */
  get bytes(): number {
    return this.writer.arena.usedBytes;
  }

  /** To be called when the main's eventfd is signalled: serves what data processes ask, then evicts what is above the budget. */
  onWake(): void {
    this.#lessor.onWake();
    this.#keepBudget();
  }

  /** Frees what waits for readers: to be called a few times a second when nothing else happens. */
  reclaim(): void {
    this.writer.reclaim();
  }

  /** After a data process's `exit` was reported and its row cleared. */
  takeBack(row: number): void {
    this.#lessor.takeBack(row);
    this.writer.reclaim();
  }

  allocate(bytes: number): number {
    const unit = this.writer.allocate(bytes);
    if (unit !== 0) return unit;
    this.#makeRoom(bytes);
    return this.writer.allocate(bytes);
  }

  take(unit: number, hash: number, keeps: number): void {
    this.#object.point(unit, -1);
    const key = this.#segment.slabOf(unit).bytes.subarray(this.#object.keyStart, this.#object.keyEnd);
    const slot = this.#placeFor(hash, key);
    const old = this.writer.load(slot);
    if (keeps !== 0 && old !== keeps) {
      // What it wanted to go on with has been replaced or evicted meanwhile: it has no body of its own.
      this.writer.arena.free(unit);
      return;
    }
    if (old !== 0 && !this.#holds(slot, hash, key)) this.#evict(slot, "window");
    this.writer.publish(slot, unit, hash, keeps !== 0);
    this.#sieve.insert(slot);
  }

  remove(slot: number, unit: number): void {
    if (slot < 0 || slot >= this.#segment.layout.slots || this.writer.load(slot) !== unit) return;
    this.writer.remove(slot);
    this.#sieve.remove(slot);
  }

  /** The slot that has this key, or a free one, or the one to give up. */
  #placeFor(hash: number, key: Uint8Array): number {
    const mask = this.#segment.layout.slots - 1;
    let free = -1;
    let unvisited = -1;
    for (let i = 0; i < WINDOW; i++) {
      const slot = (hash + i) & mask;
      if (this.writer.load(slot) === 0) free = free < 0 ? slot : free;
      else if (this.#holds(slot, hash, key)) return slot;
      else if (unvisited < 0 && this.#segment.control[this.#wordOf(slot) + SLOT.visited] === 0) unvisited = slot;
    }
    if (free >= 0) return free;
    return unvisited >= 0 ? unvisited : hash & mask;
  }

  #holds(slot: number, hash: number, key: Uint8Array): boolean {
    if (this.#segment.control[this.#wordOf(slot) + SLOT.hash] !== hash) return false;
    this.#other.point(this.writer.load(slot), slot);
    return keyIs(this.#segment, this.#other, key, key.length);
  }

  #wordOf(slot: number): number {
    return (this.#segment.layout.slotTable >> 2) + slot * SLOT_WORDS;
  }

  #evict(slot: number, reason: EvictionReason): void {
    this.writer.remove(slot);
    this.#sieve.remove(slot);
    this.evictions[reason]++;
  }

  readonly #takeVisited = (slot: number): boolean => {
    const at = this.#wordOf(slot) + SLOT.visited;
    const visited = this.#segment.control[at] === 1;
    this.#segment.control[at] = 0;
    return visited;
  };

  #keepBudget(): void {
    const { arena } = this.writer;
    const budget = this.#segment.layout.arenaBytes * FULL;
    let freed = 0;
    while (arena.usedBytes - freed > budget) {
      const slot = this.#sieve.victim(this.#takeVisited);
      if (slot < 0) break;
      freed += this.#bytesOf(this.writer.load(slot));
      this.#evict(slot, "full");
    }
    if (freed > 0) this.writer.reclaim();
  }

  /** Evicts until there is a chunk for `bytes`: first what nobody asked for lately, then all of the span that costs least. */
  #makeRoom(bytes: number): void {
    const { arena } = this.writer;
    let freed = 0;
    for (let i = 0; i < MOST_EVICTED && freed < bytes * 2; i++) {
      const slot = this.#sieve.victim(this.#takeVisited);
      if (slot < 0) break;
      freed += this.#bytesOf(this.writer.load(slot));
      this.#evict(slot, "full");
    }
    this.writer.reclaim();
    if (!arena.hasRoom(bytes)) this.#clearSpan();
  }

  #clearSpan(): void {
    const { arena } = this.writer;
    const span = arena.emptiestSpan();
    if (span < 0) return;
    for (const unit of arena.chunksOf(span)) {
      const slot = this.writer.slotOf(unit);
      if (slot >= 0) this.#evict(slot, "fragmented");
    }
    this.writer.reclaim();
  }

  #bytesOf(root: number): number {
    let bytes = 0;
    for (let unit = root; unit !== 0; unit = this.writer.next(unit)) bytes += this.writer.arena.sizeOf(unit);
    return bytes;
  }
}
