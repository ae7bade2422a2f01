/**
 * An answer that depends on health: directly, behind aliases, or by the addresses of the hosts that it names. It keeps the
 * verdicts that it was written for, and is written again when it is asked for and one of them has changed.
 */
import type { IsHealthy } from "#src/dns/zone/zone.ts";
import { type AnswerStore, AnswerStoreBuilder } from "./answer-store.ts";
import type { AnswerSource, AnswerWriter } from "./answer-writer.ts";
import type { Response } from "./response.ts";

const UNKNOWN = 2;

export class LiveAnswer {
  readonly #source: AnswerSource;
  readonly #writer: AnswerWriter;
  /** Distinct. */
  readonly #targets: Int32Array;
  /** What each target was when the answer was written: 1 up, 0 down. */
  readonly #verdicts: Uint8Array;
  #store: AnswerStore = { answers: new Int32Array(0), shifts: new Uint16Array(0), bytes: new Uint8Array(0) };

  constructor(source: AnswerSource, targets: readonly number[], writer: AnswerWriter) {
    this.#source = source;
    this.#writer = writer;
    this.#targets = Int32Array.from(targets);
    this.#verdicts = new Uint8Array(targets.length).fill(UNKNOWN);
  }

  /** A store whose only answer is right for the verdicts of now. */
  store(isHealthy: IsHealthy): AnswerStore {
    const targets = this.#targets;
    const verdicts = this.#verdicts;
    let changed = false;
    for (let index = 0; index < targets.length; index++) {
      const verdict = isHealthy(targets[index]!) ? 1 : 0;
      if (verdict === verdicts[index]) continue;
      verdicts[index] = verdict;
      changed = true;
    }
    if (changed) this.#store = this.#write();
    return this.#store;
  }

  /** By the verdicts that were read, not by those of now: they may change under the writer's hands. */
  #write(): AnswerStore {
    const up = new Set(this.#targets.filter((_, index) => this.#verdicts[index] === 1));
    const written = this.#writer.write(this.#source, (target) => up.has(target));
    const builder = new AnswerStoreBuilder(written.bytes.length);
    builder.add(written);
    return builder.build();
  }
}

/** The targets that a response depends on, each once. */
export function targetsOf(response: Response): number[] {
  const targets = new Set<number>();
  for (const section of [response.answer, response.authority, response.glue, response.additional])
    for (const rrset of section) for (const own of rrset.targets ?? []) for (const target of own) targets.add(target);
  return [...targets];
}
