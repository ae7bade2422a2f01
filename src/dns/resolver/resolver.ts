/**
 * Recursive resolution (RFC 1034 section 5.3.3) as a state machine that is fed events and returns actions: it owns no
 * socket, no timer and no clock, so that a test of it is a script. Work is limited per question that a client asked,
 * whatever zones do (RFC 9520, and the NXNSAttack and loop families of faults).
 */
import { RCODE } from "#src/dns/wire/rcode.ts";
import { TYPE } from "#src/dns/wire/type.ts";
import { CREDIBILITY } from "./rrset-cache.ts";
import type { RrSetCache } from "./rrset-cache.ts";
import { classify, targetOf } from "./classify.ts";
import type { Response } from "./classify.ts";
import { deepestDelegation, knownAddresses, unknownServers } from "./delegation.ts";
import type { Delegation, ServerAddress, StubZone } from "./delegation.ts";
import type { Infrastructure } from "./infrastructure.ts";
import type { Outcome, RrSet } from "./rrset.ts";

export interface ResolverLimits {
  /** Questions sent to servers on behalf of one client question. */
  readonly maxAsks: number;
  /** Length of an alias chain (RFC 1034 has none; Unbound and BIND take about this). */
  readonly maxAliases: number;
  /** How deep look-ups of name servers' own addresses may nest. */
  readonly maxDepth: number;
  /** Name servers without glue that are looked up for one delegation. */
  readonly maxServerLookups: number;
  /** Questions in progress; more are refused. */
  readonly maxResolutions: number;
  /** Milliseconds for one client question in all. */
  readonly maxMs: number;
}

export const DEFAULT_LIMITS: ResolverLimits = {
  maxAsks: 64,
  maxAliases: 11,
  maxDepth: 6,
  maxServerLookups: 3,
  maxResolutions: 4096,
  maxMs: 10_000,
};

export type ResolverAction =
  | {
      readonly kind: "ask";
      /** Number to hand back with the event that answers it. */
      readonly ask: number;
      readonly server: ServerAddress;
      readonly name: string;
      readonly type: number;
      readonly transport: "udp" | "tcp";
      readonly edns: boolean;
      readonly timeoutMs: number;
    }
  | { readonly kind: "finish"; readonly name: string; readonly type: number; readonly outcome: Outcome };

/** Shared by a client's question and every look-up made for it. */
interface Work {
  asks: number;
  readonly deadline: number;
}

interface Resolution {
  readonly name: string;
  readonly type: number;
  readonly work: Work;
  readonly depth: number;
  /** Who waits for a name server's address, undefined for a client's own question. */
  readonly parent: Resolution | undefined;
  /** Where the alias chain stands. */
  current: string;
  chain: RrSet[];
  delegation: Delegation | undefined;
  /** How often each address was asked since the last progress. */
  tried: Map<ServerAddress, number>;
  /** Asks under way. */
  asking: number;
  lookedUp: Set<string>;
  lookups: number;
  /** Look-ups under way for this one's servers. */
  children: number;
  done: boolean;
}

interface Ask {
  readonly resolution: Resolution;
  readonly server: ServerAddress;
  readonly zone: string;
  readonly edns: boolean;
  readonly transport: "udp" | "tcp";
  readonly sentAt: number;
}

/** RFC 9520 section 3.2: failures are kept too, for at least one second. */
const FAILURE_TTL_SECONDS = 5;
/** How often one server is asked before it is given up for a zone: packets are lost. */
const MAX_TRIES = 3;

export interface ResolverOptions {
  readonly cache: RrSetCache;
  readonly infrastructure: Infrastructure;
  readonly hints: readonly ServerAddress[];
  readonly stubs: readonly StubZone[];
  readonly limits?: Partial<ResolverLimits>;
  /** In [0, 1). */
  readonly random: () => number;
}

export class Resolver {
  readonly #cache: RrSetCache;
  readonly #infrastructure: Infrastructure;
  readonly #hints: readonly ServerAddress[];
  readonly #stubs: readonly StubZone[];
  readonly #limits: ResolverLimits;
  readonly #random: () => number;
  readonly #asks = new Map<number, Ask>();
  readonly #questions = new Map<string, Resolution>();
  #nextAsk = 1;
  #actions: ResolverAction[] = [];

  constructor(options: ResolverOptions) {
    this.#cache = options.cache;
    this.#infrastructure = options.infrastructure;
    this.#hints = options.hints;
    this.#stubs = options.stubs;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#random = options.random;
  }

  /** Questions of clients in progress. */
  get active(): number {
    return this.#questions.size;
  }

  /** A client's question. The same question already in progress adds nothing: its `finish` serves all who wait. */
  query(name: string, type: number, now: number): ResolverAction[] {
    const key = `${type} ${name}`;
    if (this.#questions.has(key)) return [];
    if (this.#questions.size >= this.#limits.maxResolutions) {
      return [{ kind: "finish", name, type, outcome: failure("too many questions in progress") }];
    }
    const work = { asks: 0, deadline: now + this.#limits.maxMs };
    const resolution = this.#start(name, type, work, 0, undefined);
    this.#questions.set(key, resolution);
    this.#lookup(resolution, now);
    return this.#take();
  }

  /** A server's response to `ask`, already matched to the question it answers. */
  response(ask: number, response: Response, now: number): ResolverAction[] {
    const asked = this.#settle(ask);
    if (asked === undefined) return [];
    this.#infrastructure.answered(asked.server, now - asked.sentAt);
    if (!asked.resolution.done) this.#process(asked, response, now);
    return this.#take();
  }

  /** No response in time, or none that could be read. */
  timeout(ask: number, now: number): ResolverAction[] {
    const asked = this.#settle(ask);
    if (asked === undefined) return [];
    this.#infrastructure.timedOut(asked.server, now);
    if (!asked.resolution.done) this.#choose(asked.resolution, now);
    return this.#take();
  }

  #start(name: string, type: number, work: Work, depth: number, parent: Resolution | undefined): Resolution {
    return {
      name,
      type,
      work,
      depth,
      parent,
      current: name,
      chain: [],
      delegation: undefined,
      tried: new Map(),
      asking: 0,
      lookedUp: new Set(),
      lookups: 0,
      children: 0,
      done: false,
    };
  }

  #take(): ResolverAction[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  #settle(ask: number): Ask | undefined {
    const asked = this.#asks.get(ask);
    this.#asks.delete(ask);
    if (asked !== undefined) asked.resolution.asking--;
    return asked;
  }

  /** State: what do we know already? */
  #lookup(resolution: Resolution, now: number): void {
    for (;;) {
      const { current, type } = resolution;
      const set = this.#cache.get(current, type, now);
      if (set !== undefined) return this.#finish(resolution, answered(resolution.chain, [set]), now);
      const absent = this.#cache.getAbsent(current, type, now);
      if (absent !== undefined) {
        return this.#finish(resolution, negative(absent.rcode, resolution.chain, absent.soa, absent.ttl), now);
      }
      const alias = type === TYPE.CNAME ? undefined : this.#cache.get(current, TYPE.CNAME, now);
      if (alias === undefined) break;
      if (!this.#follow(resolution, [alias], targetOf(alias.rdata[0]!), now)) return;
    }
    this.#enter(
      resolution,
      deepestDelegation(this.#cache, this.#stubs, this.#hints, resolution.current, resolution.type, now),
      now,
    );
  }

  /** State: a zone to ask. */
  #enter(resolution: Resolution, delegation: Delegation, now: number): void {
    resolution.delegation = delegation;
    resolution.tried = new Map();
    resolution.lookedUp = new Set();
    resolution.lookups = 0;
    this.#choose(resolution, now);
  }

  /** State: which of the zone's servers? */
  #choose(resolution: Resolution, now: number): void {
    const delegation = resolution.delegation!;
    if (now >= resolution.work.deadline) return this.#finish(resolution, failure("out of time"), now);
    const addresses = knownAddresses(this.#cache, delegation, now);
    const times = addresses.map((address) => resolution.tried.get(address) ?? 0);
    const fewest = Math.min(...times, MAX_TRIES);
    const passedOver = (i: number): boolean => times[i]! >= MAX_TRIES || times[i]! > fewest;
    const index = this.#infrastructure.select(addresses, passedOver, this.#random(), now);
    if (index >= 0) return this.#ask(resolution, addresses[index]!, "udp", true, now);
    if (resolution.children > 0) return;
    this.#lookUpServer(resolution, now);
  }

  /** State: no address left to ask, so find one of a server without glue. */
  #lookUpServer(resolution: Resolution, now: number): void {
    const server = unknownServers(this.#cache, resolution.delegation!, now).find(
      (name) => !resolution.lookedUp.has(name),
    );
    if (
      server === undefined ||
      resolution.depth >= this.#limits.maxDepth ||
      resolution.lookups >= this.#limits.maxServerLookups
    ) {
      return this.#finish(resolution, failure("no server answered"), now);
    }
    resolution.lookedUp.add(server);
    resolution.lookups++;
    resolution.children = 2;
    for (const type of [TYPE.A, TYPE.AAAA]) {
      this.#lookup(this.#start(server, type, resolution.work, resolution.depth + 1, resolution), now);
    }
  }

  #ask(resolution: Resolution, server: ServerAddress, transport: "udp" | "tcp", edns: boolean, now: number): void {
    if (++resolution.work.asks > this.#limits.maxAsks) return this.#finish(resolution, failure("too much work"), now);
    resolution.tried.set(server, (resolution.tried.get(server) ?? 0) + 1);
    resolution.asking++;
    const ask = this.#nextAsk++;
    this.#asks.set(ask, { resolution, server, zone: resolution.delegation!.zone, edns, transport, sentAt: now });
    const timeoutMs = Math.min(this.#infrastructure.timeoutMs(server), Math.max(1, resolution.work.deadline - now));
    this.#actions.push({
      kind: "ask",
      ask,
      server,
      name: resolution.current,
      type: resolution.type,
      transport,
      edns,
      timeoutMs,
    });
  }

  /** State: a response has come. */
  #process(asked: Ask, response: Response, now: number): void {
    const { resolution, zone } = asked;
    const found = classify(response, zone, resolution.current, resolution.type, asked.edns);
    switch (found.kind) {
      case "truncated":
        if (asked.transport === "udp") return this.#ask(resolution, asked.server, "tcp", asked.edns, now);
        return this.#chooseAnother(asked, now);
      case "withoutEdns":
        return this.#ask(resolution, asked.server, asked.transport, false, now);
      case "useless":
        return this.#chooseAnother(asked, now);
      case "referral":
        this.#cache.put(found.ns, CREDIBILITY.referral, now);
        for (const set of found.glue) this.#cache.put(set, CREDIBILITY.glue, now);
        return this.#enter(
          resolution,
          { zone: found.ns.owner, servers: found.ns.rdata.map(targetOf), addresses: [] },
          now,
        );
      case "answer":
        for (const set of [...found.chain, found.set]) this.#cache.put(set, CREDIBILITY.answer, now);
        return this.#finish(resolution, answered([...resolution.chain, ...found.chain], [found.set]), now);
      case "alias":
        for (const set of found.chain) this.#cache.put(set, CREDIBILITY.answer, now);
        if (this.#follow(resolution, found.chain, found.target, now)) this.#lookup(resolution, now);
        return;
      case "nodata":
      case "nxdomain": {
        for (const set of found.chain) this.#cache.put(set, CREDIBILITY.answer, now);
        const rcode = found.kind === "nxdomain" ? RCODE.NXDOMAIN : RCODE.NOERROR;
        const ttl = negativeTtl(found.soa);
        this.#cache.putAbsent(found.name, resolution.type, rcode, found.soa, ttl, now);
        return this.#finish(resolution, negative(rcode, [...resolution.chain, ...found.chain], found.soa, ttl), now);
      }
    }
  }

  #chooseAnother(asked: Ask, now: number): void {
    asked.resolution.tried.set(asked.server, MAX_TRIES);
    this.#choose(asked.resolution, now);
  }

  /** Goes to where an alias points. False when the chain is too long or closed, and the resolution has ended. */
  #follow(resolution: Resolution, chain: readonly RrSet[], target: string, now: number): boolean {
    resolution.chain.push(...chain);
    resolution.current = target;
    const closed = target === resolution.name || resolution.chain.some((set) => set.owner === target);
    if (!closed && resolution.chain.length <= this.#limits.maxAliases) return true;
    this.#finish(resolution, failure(closed ? "CNAME loop" : "CNAME chain too long"), now);
    return false;
  }

  #finish(resolution: Resolution, outcome: Outcome, now: number): void {
    resolution.done = true;
    const { parent } = resolution;
    if (parent === undefined) {
      this.#questions.delete(`${resolution.type} ${resolution.name}`);
      this.#actions.push({ kind: "finish", name: resolution.name, type: resolution.type, outcome });
      return;
    }
    parent.children--;
    if (parent.done) return;
    // The first address that is found is asked at once; the last look-up without one decides.
    if (parent.children === 0 || outcome.answer.length > 0) this.#resume(parent, now);
  }

  /** A look-up of a server's address has ended: go on unless a server is being asked already. */
  #resume(resolution: Resolution, now: number): void {
    if (resolution.asking === 0) this.#choose(resolution, now);
  }
}

const MAX_NEGATIVE_TTL_SECONDS = 10_800;

/** RFC 2308 section 5: the lesser of the SOA's own TTL and its MINIMUM field. */
function negativeTtl(soa: RrSet | undefined): number {
  if (soa === undefined) return 0;
  const rdata = soa.rdata[0]!;
  const minimum = new DataView(rdata.buffer, rdata.byteOffset, rdata.byteLength).getUint32(rdata.byteLength - 4);
  return Math.min(soa.ttl, minimum, MAX_NEGATIVE_TTL_SECONDS);
}

const answered = (chain: readonly RrSet[], sets: readonly RrSet[]): Outcome => {
  const answer = [...chain, ...sets];
  return { rcode: RCODE.NOERROR, answer, authority: [], ttl: Math.min(...answer.map((set) => set.ttl)), reason: "" };
};

const negative = (rcode: number, chain: readonly RrSet[], soa: RrSet | undefined, ttlSeconds: number): Outcome => ({
  rcode,
  answer: chain,
  authority: soa === undefined ? [] : [{ ...soa, ttl: Math.min(soa.ttl, ttlSeconds) }],
  ttl: Math.min(ttlSeconds, ...chain.map((set) => set.ttl)),
  reason: "",
});

const failure = (reason: string): Outcome => ({
  rcode: RCODE.SERVFAIL,
  answer: [],
  authority: [],
  ttl: FAILURE_TTL_SECONDS,
  reason,
});
