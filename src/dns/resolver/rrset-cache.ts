/**
 * Record sets and negative facts learnt on the way, from which resolutions start. Whole answers for clients are in
 * answer-cache.ts. A set replaces an older one only when it is at least as credible (RFC 2181 section 5.4.1).
 */
import { LRUCache } from "./lru.ts";
import type { RrSet } from "./rrset.ts";

/** RFC 2181 section 5.4.1, least first. */
export const CREDIBILITY = { hint: 0, glue: 1, referral: 2, answer: 3 } as const;
export type Credibility = (typeof CREDIBILITY)[keyof typeof CREDIBILITY];

interface Kept {
  readonly set: RrSet;
  readonly credibility: Credibility;
  /** Reactor clock, milliseconds. */
  readonly expiresAt: number;
}

interface Absent {
  /** 0 (the type does not exist here) or 3 (the name does not exist). */
  readonly rcode: number;
  readonly soa: RrSet | undefined;
  readonly expiresAt: number;
}

const keyOf = (owner: string, type: number): string => `${type} ${owner}`;

/** Type number under which "the name does not exist" is kept: not a record type (RFC 6895 section 3.1 reserves it). */
const WHOLE_NAME = 0;

export class RrSetCache {
  readonly #sets: LRUCache<string, Kept>;
  readonly #absent: LRUCache<string, Absent>;

  constructor({ max = 100_000 }: { max?: number } = {}) {
    this.#sets = new LRUCache({ max });
    this.#absent = new LRUCache({ max: Math.max(1, Math.floor(max / 4)) });
  }

  get size(): number {
    return this.#sets.size;
  }

  put(set: RrSet, credibility: Credibility, now: number): void {
    const key = keyOf(set.owner, set.type);
    const known = this.#sets.get(key);
    if (known !== undefined && known.credibility > credibility && known.expiresAt > now) return;
    this.#sets.set(key, { set, credibility, expiresAt: now + set.ttl * 1000 });
    this.#absent.delete(key);
  }

  /** The set with the TTL that is left, or undefined. */
  get(owner: string, type: number, now: number, least: Credibility = CREDIBILITY.answer): RrSet | undefined {
    const known = this.#sets.get(keyOf(owner, type));
    if (known === undefined || known.credibility < least || known.expiresAt <= now) return undefined;
    return { ...known.set, ttl: Math.ceil((known.expiresAt - now) / 1000) };
  }

  putAbsent(owner: string, type: number, rcode: number, soa: RrSet | undefined, ttlSeconds: number, now: number): void {
    if (ttlSeconds <= 0) return;
    this.#absent.set(keyOf(owner, rcode === 3 ? WHOLE_NAME : type), { rcode, soa, expiresAt: now + ttlSeconds * 1000 });
  }

  getAbsent(owner: string, type: number, now: number): (Absent & { readonly ttl: number }) | undefined {
    for (const kind of [WHOLE_NAME, type]) {
      const known = this.#absent.get(keyOf(owner, kind));
      if (known === undefined || known.expiresAt <= now) continue;
      const ttl = Math.ceil((known.expiresAt - now) / 1000);
      return { ...known, ttl, soa: known.soa && { ...known.soa, ttl: Math.min(known.soa.ttl, ttl) } };
    }
    return undefined;
  }

  clear(): void {
    this.#sets.clear();
    this.#absent.clear();
  }
}
