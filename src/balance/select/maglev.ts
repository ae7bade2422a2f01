/**
 * Maglev hashing (Eisenbud et al., NSDI 2016, section 3.4): a table of a prime size in which each candidate owns slots in
 * proportion to its weight, filled from names alone. The same key finds the same candidate in every process and after a
 * restart, and a candidate that comes or goes moves few keys besides its own.
 */
import { NONE, type Available, type Random, type Selector } from "./selector.ts";

/** Primes; the smallest with at least 100 slots per candidate is taken, the largest at most. */
const TABLE_SIZES = [251, 1021, 4093, 16_381, 65_537] as const;

export function compileMaglev(names: readonly string[], weights: readonly number[]): Selector {
  const usable = weights.filter((weight) => weight > 0).length;
  const size = TABLE_SIZES.find((candidate) => candidate >= usable * 100) ?? 65_537;
  return new Maglev(fillTable(names, weights, size));
}

class Maglev implements Selector {
  /** Candidate of each slot; NONE everywhere when there is none. */
  readonly #table: Int32Array;

  constructor(table: Int32Array) {
    this.#table = table;
  }

  pick(key: number, available: Available, _random: Random): number {
    const table = this.#table;
    const size = table.length;
    let slot = mix(key) % size;
    if (table[slot] === NONE) return NONE;
    // A candidate that is out gives each of its keys to whoever owns the next slot: all other keys stay where they are.
    for (let tried = 0; tried < size; tried++) {
      const index = table[slot]!;
      if (available(index)) return index;
      slot = slot + 1 === size ? 0 : slot + 1;
    }
    return NONE;
  }
}

/** Candidates take turns; at each turn one claims the next free slot of its own permutation of the table. */
function fillTable(names: readonly string[], weights: readonly number[], size: number): Int32Array {
  const table = new Int32Array(size).fill(NONE);
  const heaviest = Math.max(0, ...weights);
  if (heaviest === 0) return table;
  // In the order of names, so that the order in the configuration does not matter.
  const order = names.map((_, index) => index).filter((index) => weights[index]! > 0);
  order.sort((a, b) => (names[a]! < names[b]! ? -1 : names[a]! > names[b]! ? 1 : a - b));
  const next = order.map((index) => hashName(names[index]!, 0x811c9dc5) % size);
  const skip = order.map((index) => (hashName(names[index]!, 0x01234567) % (size - 1)) + 1);
  // In the first turn everyone claims one slot, so that a small weight beside a large one is not left without.
  const credit = order.map((index) => 1 - weights[index]! / heaviest);
  for (let filled = 0; filled < size;) {
    for (let i = 0; i < order.length && filled < size; i++) {
      credit[i] = credit[i]! + weights[order[i]!]! / heaviest;
      if (credit[i]! < 1 - 1e-9) continue;
      credit[i] = credit[i]! - 1;
      let slot = next[i]!;
      while (table[slot] !== NONE) slot = (slot + skip[i]!) % size;
      table[slot] = order[i]!;
      next[i] = (slot + skip[i]!) % size;
      filled++;
    }
  }
  return table;
}

/** FNV-1a over the UTF-16 code units, mixed. */
function hashName(name: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** Spreads every input bit over all 32 (the finalizer of MurmurHash3). */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
