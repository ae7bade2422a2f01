import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decideLease,
  isWithinDeadline,
  type LeaseDurations,
  type LeaseRecord,
  type LeaseSelf,
  LeaseView,
} from "./lease-decision.ts";

const DURATIONS: LeaseDurations = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 };

const record = (holder: string, more: Partial<LeaseRecord> = {}): LeaseRecord => ({
  holder,
  durationMs: 15_000,
  transitions: 3,
  acquireTime: "",
  uid: "u",
  resourceVersion: "1",
  ...more,
});

const follower: LeaseSelf = { ...DURATIONS, identity: "me", renewedAt: undefined, transitions: 3 };
const leader: LeaseSelf = { ...follower, renewedAt: 100_000 };

/** The Lease as seen at 100,000, who looks, when, and what comes of it. */
const CASES: readonly (readonly [
  name: string,
  record: LeaseRecord | undefined,
  self: LeaseSelf,
  now: number,
  action: unknown,
])[] = [
  ["held by another: look again", record("other"), follower, 100_000, { ms: 2000 }],
  ["not for longer than it can be", record("other"), follower, 114_500, { ms: 500 }],
  ["not changed for its duration", record("other"), follower, 115_000, { transitions: 4, isTakeover: true }],
  ["its own duration counts when longer", record("other", { durationMs: 60_000 }), follower, 120_000, { ms: 2000 }],
  ["ours when that is longer", record("other", { durationMs: 1000 }), follower, 114_999, { ms: 1 }],
  ["released", record(""), follower, 100_000, { transitions: 4, isTakeover: true }],
  ["ours, as we did not know", record("me"), follower, 100_000, { transitions: 3, isTakeover: false }],
  ["ours, and fresh", record("me"), leader, 101_500, { ms: 500 }],
  ["ours, to be renewed", record("me"), leader, 102_000, { transitions: 3, isTakeover: false }],
  [
    "ours, past the deadline, and taken by nobody",
    record("me"),
    leader,
    130_000,
    { transitions: 3, isTakeover: false },
  ],
  ["none ever", undefined, { ...follower, transitions: undefined }, 100_000, { transitions: 0, isTakeover: true }],
  ["none any more", undefined, follower, 100_000, { transitions: 4, isTakeover: true }],
  ["none, and we are the holder", undefined, leader, 101_000, { transitions: 3, isTakeover: false }],
  ["none, and we were the holder", undefined, leader, 111_000, { transitions: 4, isTakeover: true }],
];

for (const [name, seen, self, now, action] of CASES) {
  test(`lease: ${name}`, () => {
    const expected = Object.assign({ action: Object.hasOwn(Object(action), "ms") ? "wait" : "write" }, action);
    assert.deepEqual(decideLease({ record: seen, seenAt: 100_000 }, self, now), expected);
  });
}

test("a leader may write until its deadline, which is counted from before the renewal was sent", () => {
  assert.equal(isWithinDeadline(follower, 100_000), false);
  assert.equal(isWithinDeadline(leader, 100_000), true);
  assert.equal(isWithinDeadline(leader, 109_999), true);
  assert.equal(isWithinDeadline(leader, 110_000), false);
  assert.equal(isWithinDeadline(leader, 99_999), false, "a clock that went back is not believed");
});

interface World {
  readonly durations: LeaseDurations;
  /** The slowest and the fastest clock, as parts of a second a second. */
  readonly rates: readonly [number, number];
  /** Of requests and answers, each. */
  readonly maxDelayMs: number;
  readonly loss: number;
  /** How likely a candidate stands still, for up to 20 s, at each step. */
  readonly pause: number;
  /** How long a write may be under way after it was allowed. */
  readonly writeMs: number;
  /** What a broken election would do. */
  readonly defect?: "countsFromAnswer" | "noPrecondition" | "writesAtOnce";
}

interface Message {
  readonly at: number;
  readonly deliver: () => void;
}

const STEP_MS = 250;
const REQUEST_TIMEOUT_MS = 5000;

/** A server, candidates with clocks of their own, and a network that delays, loses and reorders; all time is simulated. */
class Simulation {
  readonly #world: World;
  readonly #random: () => number;
  readonly #candidates: Candidate[] = [];
  #messages: Message[] = [];
  #lease: LeaseRecord | undefined;
  #version = 0;
  now = 0;
  /** Until when each may have a write under way, of those that ever might write. */
  readonly writing = new Map<string, number>();
  calm = false;

  constructor(world: World, seed: number) {
    this.#world = world;
    let state = seed | 1;
    // xorshift32 (Marsaglia): the same run for the same seed.
    this.#random = () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) / 2 ** 32;
    };
    for (let i = 0; i < 3; i++) this.#candidates.push(this.#newCandidate());
  }

  /** Who may write, or still has a write under way. */
  step(): string[] {
    this.now += STEP_MS;
    const due = this.#messages.filter(({ at }) => at <= this.now).toSorted((a, b) => a.at - b.at);
    this.#messages = this.#messages.filter(({ at }) => at > this.now);
    for (const { deliver } of due) deliver();
    for (const [i, candidate] of this.#candidates.entries()) {
      if (candidate.view.mayWrite(candidate.clock()))
        this.writing.set(candidate.identity, this.now + this.#world.writeMs);
      if (!this.calm && this.#random() < 0.001) {
        // It ends, in order or not, and another process takes its place.
        if (this.#random() < 0.5) candidate.release();
        this.#candidates[i] = this.#newCandidate();
      }
      if (!this.calm && this.#random() < this.#world.pause) candidate.pausedUntil = this.now + this.#random() * 20_000;
      if (this.now >= candidate.pausedUntil) candidate.act();
    }
    if (!this.calm && this.#random() < 0.0003) this.#lease = undefined;
    return [...this.writing].filter(([, until]) => until >= this.now).map(([identity]) => identity);
  }

  #newCandidate(): Candidate {
    const [slow, fast] = this.#world.rates;
    const rate = [slow, fast][Math.floor(this.#random() * 2)]!;
    const offset = this.#random() * 1e6;
    const identity = `c${this.#random()}`;
    // Some are near the server, some far away.
    const distance = this.#random() < 0.5 ? 0.02 : 1;
    return new Candidate(identity, this.#world, () => offset + this.now * rate, {
      read: (answer) => this.#send(distance, () => this.#lease, answer),
      write: (precondition, next, answer) => this.#send(distance, () => this.#write(precondition, next), answer),
      after: (ms, deliver) => this.#messages.push({ at: this.now + ms, deliver }),
    });
  }

  /** Carried out at the server after a delay, answered after another; either may be lost. */
  #send<T>(distance: number, serve: () => T, answer: (result: T) => void): void {
    const delay = (): number => (this.calm ? 0 : this.#random() * this.#world.maxDelayMs * distance);
    const isLost = (): boolean => !this.calm && this.#random() < this.#world.loss;
    if (isLost()) return;
    this.#messages.push({
      at: this.now + delay(),
      deliver: () => {
        const result = serve();
        if (!isLost()) this.#messages.push({ at: this.now + delay(), deliver: () => answer(result) });
      },
    });
  }

  #write(precondition: string | undefined, next: Omit<LeaseRecord, "resourceVersion">): LeaseRecord | undefined {
    const isMet = this.#world.defect === "noPrecondition" || precondition === this.#lease?.resourceVersion;
    if (!isMet) return undefined;
    this.#version += 1;
    this.#lease = { ...next, resourceVersion: String(this.#version) };
    return this.#lease;
  }
}

interface Wire {
  read(answer: (record: LeaseRecord | undefined) => void): void;
  /** Answers the new record, or undefined: the precondition failed. */
  write(
    precondition: string | undefined,
    next: Omit<LeaseRecord, "resourceVersion">,
    answer: (record: LeaseRecord | undefined) => void,
  ): void;
  after(ms: number, then: () => void): void;
}

/** What LeaderElection does, without its sockets. */
class Candidate {
  readonly identity: string;
  readonly view: LeaseView;
  readonly clock: () => number;
  readonly #wire: Wire;
  readonly #world: World;
  pausedUntil = 0;
  #waitUntil = -Infinity;
  #pending: object | undefined;

  constructor(identity: string, world: World, clock: () => number, wire: Wire) {
    this.identity = identity;
    this.#world = world;
    this.view = new LeaseView(identity, world.durations);
    this.clock = clock;
    this.#wire = wire;
  }

  /** When what it was writing has ended. */
  release(): void {
    this.view.resign();
    const last = this.view.record;
    if (last === undefined || !this.view.mayRelease(last, this.clock())) return;
    this.#wire.after(this.#world.writeMs + STEP_MS, () =>
      this.#wire.write(last.resourceVersion, { ...last, holder: "", durationMs: 1000 }, () => {}),
    );
  }

  act(): void {
    if (this.#pending !== undefined || this.clock() < this.#waitUntil) return;
    if (this.#waitUntil !== -Infinity && !this.view.mayWrite(this.clock())) this.view.look();
    this.#waitUntil = -Infinity;
    const action = this.view.next(this.clock());
    if (action.action === "wait") this.#waitUntil = this.clock() + action.ms;
    else if (action.action === "read")
      this.#request(
        (answer) => this.#wire.read(answer),
        (seen) => this.view.saw(seen, this.clock()),
      );
    else {
      const last = this.view.record;
      const sentAt = this.clock();
      const { transitions } = action;
      if (this.#world.defect !== "writesAtOnce") this.view.begin(action, sentAt);
      const next = { holder: this.identity, durationMs: 15_000, transitions, acquireTime: "", uid: "u" };
      this.#request(
        (answer) => this.#wire.write(last?.resourceVersion, next, answer),
        (written) => {
          const countsFrom = this.#world.defect === "countsFromAnswer" ? this.clock() : sentAt;
          if (written === undefined) this.view.look();
          else this.view.wrote(written, countsFrom, this.clock());
        },
      );
    }
  }

  #request(
    send: (answer: (record: LeaseRecord | undefined) => void) => void,
    take: (record: LeaseRecord | undefined) => void,
  ): void {
    const pending = {};
    this.#pending = pending;
    const isOurs = (): boolean => {
      if (this.#pending !== pending) return false;
      this.#pending = undefined;
      return true;
    };
    send((answer) => {
      if (isOurs()) take(answer);
    });
    this.#wire.after(REQUEST_TIMEOUT_MS, () => {
      if (!isOurs()) return;
      this.view.look();
      this.#waitUntil = this.clock() + this.#world.durations.retryMs;
    });
  }
}

const WORLD: World = {
  durations: DURATIONS,
  rates: [0.85, 1.15],
  maxDelayMs: 4000,
  loss: 0.1,
  pause: 0.01,
  writeMs: 0,
};

/** Ten minutes; the first moment at which two might write. */
function firstOverlap(world: World, seed: number): string | undefined {
  const simulation = new Simulation(world, seed);
  let leaders = 0;
  for (let i = 0; i < 2400; i++) {
    const writing = simulation.step();
    if (writing.length > 1) return `${writing.length} may write at ${simulation.now} ms`;
    leaders += writing.length;
  }
  assert.ok(leaders > 0, "someone leads at some time");
  simulation.calm = true;
  for (let i = 0; i < 200; i++) simulation.step();
  assert.equal(simulation.step().length, 1, "when all is well, one leads");
  return undefined;
}

test("never may two write: clocks that run at other speeds, messages late or lost, candidates that stand still or die", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1 }), (seed) => assert.equal(firstOverlap(WORLD, seed), undefined)),
    { numRuns: 300 },
  );
});

test("neither while a write of the other may still be under way", () => {
  const world = { ...WORLD, rates: [0.98, 1.02], writeMs: 4000 } as const;
  fc.assert(
    fc.property(fc.integer({ min: 1 }), (seed) => assert.equal(firstOverlap(world, seed), undefined)),
    { numRuns: 300 },
  );
});

const EVEN: World = { ...WORLD, rates: [1, 1], durations: { ...DURATIONS, renewDeadlineMs: 14_000 } };

/** The simulation is able to see what it is for: each world, and the one beside it that is right. */
const DEFECTS: readonly (readonly [name: string, broken: World, right: World])[] = [
  ["a deadline after the duration", { ...WORLD, durations: { ...DURATIONS, renewDeadlineMs: 20_000 } }, WORLD],
  ["clocks too far apart", { ...WORLD, rates: [0.5, 1.5] }, WORLD],
  ["a deadline counted from the answer", { ...EVEN, defect: "countsFromAnswer" }, EVEN],
  ["writes without precondition", { ...WORLD, defect: "noPrecondition" }, WORLD],
  ["a Lease made anew that counts at once", { ...WORLD, defect: "writesAtOnce" }, WORLD],
];

for (const [name, broken, right] of DEFECTS) {
  test(`the simulation finds ${name}`, () => {
    const seeds = Array.from({ length: 300 }, (_, i) => 7919 * (i + 1));
    const found = seeds.find((seed) => firstOverlap(broken, seed) !== undefined);
    assert.notEqual(found, undefined);
    assert.equal(firstOverlap(right, found!), undefined);
  });
}
