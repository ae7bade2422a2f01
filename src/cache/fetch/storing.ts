/** Puts a gathered response into shared memory: asks the main for chunks, fills them, hands them over. */
import { CLASS_BYTES, MAX_CHUNK_BYTES } from "#src/memory/arena.ts";
import type { Lessee, LeaseWaiter, TakenWaiter } from "#src/memory/lease.ts";
import type { Segment } from "#src/memory/segment.ts";
import { CHAIN_HEADER_BYTES, CHAIN_PART_BYTES, draftBytes, writeObject, type ObjectDraft } from "../store/object.ts";
import type { GatheredBody } from "./gathered-body.ts";

/** The largest draft that can be stored. */
export const MAX_DRAFT_BYTES = CLASS_BYTES.at(-1)!;

/** How it went: "stored" once others can find it; "noMemory" when the main had none. */
export type StoreOutcome = "stored" | "noMemory";

export interface StoreWaiter {
  onStored(outcome: StoreOutcome): void;
}

export class Storing implements LeaseWaiter, TakenWaiter {
  readonly #segment: Segment;
  readonly #lessee: Lessee;
  readonly #draft: ObjectDraft;
  readonly #body: GatheredBody | undefined;
  readonly #waiter: StoreWaiter | undefined;
  /** The first is the object's own chunk. */
  readonly #units: number[] = [];
  #asked = 0;
  #answered = 0;

  constructor(
    segment: Segment,
    lessee: Lessee,
    draft: ObjectDraft,
    body: GatheredBody | undefined,
    waiter: StoreWaiter | undefined,
  ) {
    this.#segment = segment;
    this.#lessee = lessee;
    this.#draft = draft;
    this.#body = body;
    this.#waiter = waiter;
  }

  start(): void {
    const head = draftBytes(this.#draft);
    const length = this.#draft.bodyLength;
    const sizes: number[] = [];
    if (head + length <= MAX_CHUNK_BYTES) sizes.push(head + length);
    else {
      sizes.push(head);
      for (let left = length; left > 0; left -= CHAIN_PART_BYTES)
        sizes.push(Math.min(left, CHAIN_PART_BYTES) + CHAIN_HEADER_BYTES);
    }
    this.#asked = sizes.length;
    for (const bytes of sizes) if (!this.#lessee.ask(bytes, this)) this.onLease(0);
  }

  onLease(unit: number): void {
    this.#answered++;
    this.#units.push(unit);
    if (this.#answered < this.#asked) return;
    if (this.#units.includes(0)) {
      for (const one of this.#units) if (one !== 0) this.#lessee.giveBack(one);
      this.#waiter?.onStored("noMemory");
      return;
    }
    this.#fill();
    this.#lessee.handOver(this.#units[0]!, this.#draft.hash, 0, this);
  }

  onTaken(): void {
    this.#waiter?.onStored("stored");
  }

  #fill(): void {
    const [root, ...chain] = this.#units;
    const { bodyLength } = this.#draft;
    const at = writeObject(this.#segment, root!, this.#draft, chain[0] ?? 0);
    if (chain.length === 0) {
      this.#body?.copyTo(this.#segment.slabOf(root!).bytes, at, 0, bodyLength);
      return;
    }
    for (const [i, unit] of chain.entries()) {
      this.#segment.wordsOf(unit)[this.#segment.wordOf(unit)] = chain[i + 1] ?? 0;
      const from = i * CHAIN_PART_BYTES;
      const to = Math.min(bodyLength, from + CHAIN_PART_BYTES);
      this.#body?.copyTo(this.#segment.slabOf(unit).bytes, this.#segment.byteOf(unit) + CHAIN_HEADER_BYTES, from, to);
    }
  }
}
