/** From an outcome to the wire bytes that are kept and sent: header, question, sections, without OPT. */
import { FLAG, MAX_MESSAGE_BYTES } from "#src/dns/wire/header.ts";
import { MessageWriter, type Section } from "#src/dns/wire/message-writer.ts";
import { hashName, skipName } from "#src/dns/wire/name.ts";
import { CLASS } from "#src/dns/wire/type.ts";
import { CachedAnswer, mixType } from "./answer-cache.ts";
import { fromNameKey } from "./name-key.ts";
import type { Outcome, RrSet } from "./rrset.ts";

export class AnswerComposer {
  readonly #bytes = new Uint8Array(MAX_MESSAGE_BYTES);
  readonly #writer = new MessageWriter();
  /** Seed of the hashes by which clients' questions are found (Query.seed). */
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** `name` is the name key that was asked. Records that do not fit in a message are left out: 64 KiB of them is absurd. */
  compose(name: string, type: number, outcome: Outcome, now: number): CachedAnswer {
    const wire = fromNameKey(name);
    const offsets: number[] = [];
    this.#writer.begin(this.#bytes, 0, MAX_MESSAGE_BYTES, 0, FLAG.QR | FLAG.RA | outcome.rcode);
    this.#writer.question(wire, type, CLASS.IN);
    for (const set of outcome.answer) this.#add("answer", set, offsets);
    for (const set of outcome.authority) this.#add("authority", set, offsets);
    return new CachedAnswer({
      message: this.#bytes.slice(0, this.#writer.length),
      nameLength: wire.length,
      type,
      hash: mixType(hashName(wire, 0, wire.length, this.#seed), type),
      ttlOffsets: Uint16Array.from(offsets),
      storedAt: now,
      expiresAt: now + outcome.ttl * 1000,
    });
  }

  #add(section: Section, set: RrSet, offsets: number[]): void {
    const owner = fromNameKey(set.owner);
    for (const rdata of set.rdata) {
      const at = this.#writer.length;
      if (!this.#writer.record(section, owner, set.type, CLASS.IN, set.ttl, rdata)) return;
      // Behind the owner: type and class, then the TTL.
      offsets.push(skipName(this.#bytes, at, this.#writer.length) + 4);
    }
  }
}
