/**
 * Deadlines of very many connections without a timer each. A deadline that moves later, as most do with every request,
 * costs one store: it stays in its old slot and is put back when that slot comes. The wheel turns only while something
 * is armed, so an idle process sleeps. A deadline never comes early, and late by at most two ticks.
 */
const TICK_MS = 50;
const SLOTS = 512;
/** List of what has come due and is being called, so that a deadline can still be disarmed meanwhile. */
const DUE = SLOTS;
const NOWHERE = -1;

export interface DeadlineOwner {
  onDue(kind: number): void;
}

/** One deadline, owned by a connection for its whole life. */
export class Deadline {
  readonly owner: DeadlineOwner;
  kind = 0;
  /** Milliseconds of the wheel's clock; 0 when disarmed. */
  at = 0;
  slot: number = NOWHERE;
  next: Deadline | undefined = undefined;
  previous: Deadline | undefined = undefined;

  constructor(owner: DeadlineOwner) {
    this.owner = owner;
  }
}

/** What the wheel needs of the loop; the poller is it. */
export interface WheelLoop {
  readonly now: number;
  /** Calls `tick` once after about `ms`, inside batch hooks, until `cancelTick`. */
  startTick(ms: number): void;
  cancelTick(): void;
  fault(error: unknown): void;
}

export class TimerWheel {
  readonly #loop: WheelLoop;
  readonly #heads: (Deadline | undefined)[] = Array.from({ length: SLOTS + 1 }, () => undefined);
  /** Linked deadlines, disarmed ones that still lie in a slot included. */
  #count = 0;
  /** The tick that was handled last. */
  #tick = 0;
  #turning = false;

  constructor(loop: WheelLoop) {
    this.#loop = loop;
  }

  /** Deadlines that lie in the wheel. */
  get size(): number {
    return this.#count;
  }

  arm(deadline: Deadline, kind: number, ms: number): void {
    const at = this.#loop.now + ms;
    deadline.kind = kind;
    deadline.at = at;
    if (deadline.slot === NOWHERE) {
      this.#insert(deadline);
      if (!this.#turning) this.#start();
    } else if (deadline.slot !== DUE && this.#slotOf(at) !== deadline.slot && this.#isEarlier(deadline, at)) {
      this.#unlink(deadline);
      this.#insert(deadline);
    }
  }

  /** One store: the deadline leaves the wheel when its slot comes. */
  disarm(deadline: Deadline): void {
    deadline.at = 0;
  }

  /** Disarms and unlinks, so that the wheel does not keep a closed connection in memory. */
  remove(deadline: Deadline): void {
    deadline.at = 0;
    if (deadline.slot !== NOWHERE) this.#unlink(deadline);
  }

  /** Called by the loop about every 50 ms while the wheel turns. */
  tick(): void {
    const now = this.#loop.now;
    const target = Math.floor(now / TICK_MS);
    this.#tick = Math.max(this.#tick, target - SLOTS);
    while (this.#tick < target) {
      this.#tick++;
      this.#takeDue(this.#tick % SLOTS);
      this.#callDue(now);
    }
    this.#turning = this.#count > 0;
    if (this.#turning) this.#loop.startTick(TICK_MS);
  }

  stop(): void {
    this.#loop.cancelTick();
    this.#turning = false;
  }

  #start(): void {
    this.#turning = true;
    this.#loop.startTick(TICK_MS);
  }

  /** The slot whose tick lies at or after `at`; the furthest one for what lies beyond the wheel's 25 s. */
  #slotOf(at: number): number {
    return this.#tickOf(at) % SLOTS;
  }

  #tickOf(at: number): number {
    return Math.min(Math.max(Math.ceil(at / TICK_MS), this.#tick + 1), this.#tick + SLOTS - 1);
  }

  /** True when `at` falls into a slot that comes before the one where the deadline lies. */
  #isEarlier(deadline: Deadline, at: number): boolean {
    const ahead = (deadline.slot - (this.#tick % SLOTS) + SLOTS) % SLOTS;
    return this.#tickOf(at) - this.#tick < ahead;
  }

  #insert(deadline: Deadline): void {
    if (!this.#turning) this.#tick = Math.floor(this.#loop.now / TICK_MS);
    this.#link(deadline, this.#slotOf(deadline.at));
  }

  #link(deadline: Deadline, slot: number): void {
    const head = this.#heads[slot];
    deadline.slot = slot;
    deadline.next = head;
    deadline.previous = undefined;
    if (head !== undefined) head.previous = deadline;
    this.#heads[slot] = deadline;
    this.#count++;
  }

  #unlink(deadline: Deadline): void {
    const { next, previous } = deadline;
    if (previous === undefined) this.#heads[deadline.slot] = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    deadline.next = undefined;
    deadline.previous = undefined;
    deadline.slot = NOWHERE;
    this.#count--;
  }

  #takeDue(slot: number): void {
    const head = this.#heads[slot];
    this.#heads[slot] = undefined;
    this.#heads[DUE] = head;
    for (let deadline = head; deadline !== undefined; deadline = deadline.next) deadline.slot = DUE;
  }

  #callDue(now: number): void {
    for (let deadline = this.#heads[DUE]; deadline !== undefined; deadline = this.#heads[DUE]) {
      this.#unlink(deadline);
      if (deadline.at === 0) continue;
      if (deadline.at > now) {
        this.#link(deadline, this.#slotOf(deadline.at));
        continue;
      }
      deadline.at = 0;
      try {
        deadline.owner.onDue(deadline.kind);
      } catch (error) {
        this.#loop.fault(error);
      }
    }
  }
}
