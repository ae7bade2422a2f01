/**
 * The one process that allocates, publishes and retires: the service's main. Everything here is private to it; after a
 * restart a new writer rebuilds its lists from what the slots publish and what is leased.
 *
 * The order of the steps is the protocol: fill, publish, tag with the epoch, next epoch, read all epochs, THEN read all pins.
 */
import { Arena, CHUNK } from "./arena.ts";
import { IDLE, advanceEpoch, currentEpoch, isOlder } from "./epoch.ts";
import { LEASES, PINS, ROW, SLOT_WORDS, ringsOf } from "./layout.ts";
import { EXTENT, Retired, type Extent } from "./retired.ts";
import { rowWord } from "./rows.ts";
import type { Segment } from "./segment.ts";

export class SharedWriter {
  readonly arena: Arena;
  readonly #segment: Segment;
  readonly #control: Int32Array;
  readonly #slots: number;
  readonly #retired = new Retired();
  /** Past their epoch but pinned: offset to extent. */
  readonly #held = new Map<number, Extent>();
  readonly #pinned = new Set<number>();

  constructor(segment: Segment) {
    this.#segment = segment;
    this.#control = segment.control;
    this.#slots = segment.layout.slotTable >> 2;
    this.arena = new Arena(segment);
    this.#rebuild();
  }

  /** Objects waiting for readers to move on, pinned ones included. */
  get waiting(): number {
    return this.#retired.count + this.#held.size;
  }

  get pinned(): number {
    return this.#held.size;
  }

  /** Offset of a chunk with room for `bytes` (its own two words included), 0 when there is none. */
  allocate(bytes: number): number {
    return this.arena.allocate(bytes);
  }

  /** Gives back a chunk that was never published, and all that it is chained to. */
  discard(unit: number): void {
    this.#free(unit, EXTENT.chain);
  }

  /**
   * Publishes a filled object in a slot and retires what the slot published before. `hash` is the slot's hint.
   * With `keepsChain` the new object goes on with the old one's chain, which is then not retired.
   */
  publish(slot: number, unit: number, hash: number, keepsChain = false): void {
    const at = this.#slots + slot * SLOT_WORDS;
    const old = this.#control[at]!;
    this.#mark(unit, slot + 1);
    if (old !== 0 && this.#control[at + 1] !== hash) Atomics.store(this.#control, at, 0);
    this.#control[at + 1] = hash;
    this.#control[at + 2] = 0;
    Atomics.store(this.#control, at, unit);
    if (old !== 0) this.#retire(old, keepsChain);
  }

  /** Unpublishes a slot. */
  remove(slot: number): void {
    const at = this.#slots + slot * SLOT_WORDS;
    const old = this.#control[at]!;
    if (old === 0) return;
    Atomics.store(this.#control, at, 0);
    this.#retire(old, false);
  }

  /** Offset that a slot publishes, 0 for nothing. */
  load(slot: number): number {
    return this.#control[this.#slots + slot * SLOT_WORDS]!;
  }

  /** Slot that publishes the object a chunk belongs to, -1 for a chunk that is free, leased or retired. */
  slotOf(unit: number): number {
    return this.#segment.wordsOf(unit)[this.#segment.wordOf(unit) + CHUNK.owner]! - 1;
  }

  next(unit: number): number {
    return this.#segment.wordsOf(unit)[this.#segment.wordOf(unit) + CHUNK.next]!;
  }

  /** Frees what no reader can see any more. Call it after a turn's changes; cheap when nothing waits. */
  reclaim(): void {
    if (this.waiting === 0) return;
    const oldest = this.#oldestEpoch(advanceEpoch(this.#control));
    this.#readPins();
    for (const [unit, extent] of this.#held) {
      if (this.#pinned.has(unit)) continue;
      this.#held.delete(unit);
      this.#free(unit, extent);
    }
    const retired = this.#retired;
    while (retired.count > 0 && isOlder(retired.firstEpoch, oldest)) {
      if (this.#pinned.has(retired.firstUnit)) this.#held.set(retired.firstUnit, retired.firstExtent);
      else this.#free(retired.firstUnit, retired.firstExtent);
      retired.shift();
    }
  }

  #oldestEpoch(current: number): number {
    let oldest = current;
    for (let row = 0; row < this.#segment.layout.processes; row++) {
      const epoch = Atomics.load(this.#control, rowWord(this.#segment, row) + ROW.epoch);
      if (epoch !== IDLE && isOlder(epoch, oldest)) oldest = epoch;
    }
    return oldest;
  }

  /** After the epochs: a reader pins before it leaves, so that whoever is seen idle has its pins in place. */
  #readPins(): void {
    this.#pinned.clear();
    for (let row = 0; row < this.#segment.layout.processes; row++) {
      const at = rowWord(this.#segment, row) + ROW.pins;
      for (let pin = 0; pin < PINS; pin++) {
        const unit = Atomics.load(this.#control, at + pin);
        if (unit !== 0) this.#pinned.add(unit);
      }
    }
  }

  /** The chain is retired by its own first chunk: whoever sends it pins that one, and it may outlive its first root. */
  #retire(root: number, keepsChain: boolean): void {
    const epoch = currentEpoch(this.#control);
    const chain = this.next(root);
    this.#retired.push(root, epoch, EXTENT.chunk);
    if (chain !== 0 && !keepsChain) this.#retired.push(chain, epoch, EXTENT.chain);
    if (keepsChain) this.#setOwner(root, 0);
    else this.#mark(root, 0);
  }

  #free(unit: number, extent: Extent): void {
    for (let at = unit; at !== 0;) {
      const next = extent === EXTENT.chain ? this.next(at) : 0;
      this.arena.free(at);
      at = next;
    }
  }

  #mark(root: number, owner: number): void {
    for (let at = root; at !== 0; at = this.next(at)) this.#setOwner(at, owner);
  }

  #setOwner(unit: number, owner: number): void {
    this.#segment.wordsOf(unit)[this.#segment.wordOf(unit) + CHUNK.owner] = owner;
  }

  /** Whatever neither a slot nor a lease reaches is retired once more (pinned chains whole), and free after one grace period. */
  #rebuild(): void {
    const reachable = new Set<number>();
    for (let slot = 0; slot < this.#segment.layout.slots; slot++) {
      for (let at = this.load(slot); at !== 0; at = this.next(at)) reachable.add(at);
    }
    if (this.arena.freeSpans === this.arena.spans) return;
    for (let row = 0; row < this.#segment.layout.processes; row++) {
      const { leases } = ringsOf(this.#segment.layout, row);
      for (let i = 0; i < LEASES; i++) reachable.add(this.#control[leases + i]!);
    }
    const epoch = currentEpoch(this.#control);
    this.#readPins();
    for (const pinned of this.#pinned) {
      if (reachable.has(pinned)) continue;
      for (let at = pinned; at !== 0; at = this.next(at)) reachable.add(at);
      this.#mark(pinned, 0);
      this.#retired.push(pinned, epoch, EXTENT.chain);
    }
    for (let span = 0; span < this.arena.spans; span++) {
      for (const unit of this.arena.chunksOf(span)) {
        if (reachable.has(unit)) continue;
        this.#setOwner(unit, 0);
        this.#retired.push(unit, epoch, EXTENT.chunk);
      }
    }
  }
}
