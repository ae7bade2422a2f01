/**
 * What the resolver has learnt about each server it asks: how fast it answers and whether it answers at all. Bounded;
 * the least recently used server is forgotten first.
 */
import { LRUCache } from "./lru.ts";

/** RFC 6298 estimator, milliseconds. */
interface Server {
  smoothedRttMs: number;
  variationMs: number;
  /** Consecutive timeouts; doubles the wait and, beyond a few, rests the server. */
  timeouts: number;
  restingUntil: number;
}

const UNKNOWN_RTT_MS = 376;
const MIN_TIMEOUT_MS = 50;
const MAX_TIMEOUT_MS = 3_000;
const RESTS_AFTER_TIMEOUTS = 3;
const REST_MS = 60_000;
/** Servers within this band of the fastest share the load, so that a slower one is measured again now and then. */
const BAND_MS = 400;

export class Infrastructure {
  readonly #servers: LRUCache<string, Server>;

  /** `max` servers are remembered, each for `ttlMs` after its last answer. */
  constructor({ max = 10_000, ttlMs = 900_000 }: { max?: number; ttlMs?: number } = {}) {
    this.#servers = new LRUCache({ max, ttl: ttlMs, updateAgeOnGet: false });
  }

  get size(): number {
    return this.#servers.size;
  }

  answered(server: string, rttMs: number): void {
    const known = this.#servers.get(server);
    if (known === undefined) {
      this.#servers.set(server, { smoothedRttMs: rttMs, variationMs: rttMs / 2, timeouts: 0, restingUntil: 0 });
      return;
    }
    known.variationMs = 0.75 * known.variationMs + 0.25 * Math.abs(known.smoothedRttMs - rttMs);
    known.smoothedRttMs = 0.875 * known.smoothedRttMs + 0.125 * rttMs;
    known.timeouts = 0;
    known.restingUntil = 0;
  }

  timedOut(server: string, now: number): void {
    const known = this.#servers.get(server) ?? {
      smoothedRttMs: UNKNOWN_RTT_MS,
      variationMs: UNKNOWN_RTT_MS / 2,
      timeouts: 0,
      restingUntil: 0,
    };
    known.timeouts++;
    known.smoothedRttMs = Math.min(known.smoothedRttMs * 2, MAX_TIMEOUT_MS);
    if (known.timeouts >= RESTS_AFTER_TIMEOUTS) known.restingUntil = now + REST_MS;
    this.#servers.set(server, known);
  }

  /** How long to wait for this server's next answer: RFC 6298 section 2.3 with DNS's own bounds. */
  timeoutMs(server: string): number {
    const known = this.#servers.get(server);
    if (known === undefined) return UNKNOWN_RTT_MS;
    const wait = (known.smoothedRttMs + 4 * known.variationMs) * 2 ** Math.min(known.timeouts, 3);
    return Math.min(Math.max(wait, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS);
  }

  /**
   * Index of the server to ask: at random among those within a band of the fastest, servers at rest last.
   * `random` is in [0, 1). Servers for which `used` is true are passed over; -1 when all are.
   */
  select(servers: readonly string[], used: (index: number) => boolean, random: number, now: number): number {
    let best = Number.POSITIVE_INFINITY;
    const cost = servers.map((server, index) => {
      if (used(index)) return Number.POSITIVE_INFINITY;
      const known = this.#servers.get(server);
      const own = known === undefined ? UNKNOWN_RTT_MS : known.smoothedRttMs + (known.restingUntil > now ? REST_MS : 0);
      best = Math.min(best, own);
      return own;
    });
    if (best === Number.POSITIVE_INFINITY) return -1;
    const near = cost.flatMap((own, index) => (own <= best + BAND_MS ? [index] : []));
    return near[Math.floor(random * near.length)]!;
  }
}
