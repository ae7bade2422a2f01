/** A gathered body within its limits: that of one object, and that of all that a process gathers at one time. */
import type { Slab } from "#src/reactor/slab.ts";
import type { CacheProcess } from "../cache-process.ts";
import { GatheredBody } from "./gathered-body.ts";

export class Gathering {
  body = new GatheredBody(-1);
  /** A limit was passed: what is here is sent on, and nothing is stored. */
  exceeded = false;
  readonly #cache: CacheProcess;
  readonly #maxBytes: number;
  #counted = 0;

  constructor(cache: CacheProcess, maxBytes: number) {
    this.#cache = cache;
    this.#maxBytes = maxBytes;
  }

  /** Begins anew with a body of `expected` bytes, -1 when nobody knows. */
  begin(expected: number): void {
    this.release();
    this.body = new GatheredBody(expected);
  }

  append(slab: Slab, start: number, end: number): void {
    this.body.append(slab.bytes, start, end);
    this.#counted += end - start;
    this.#cache.gatheredBytes += end - start;
    if (this.body.length > this.#maxBytes || this.#cache.gatheredBytes > this.#cache.maxGatheredBytes)
      this.exceeded = true;
  }

  /** No longer counts. Clients may still be sent what is here. */
  release(): void {
    this.#cache.gatheredBytes -= this.#counted;
    this.#counted = 0;
  }
}
