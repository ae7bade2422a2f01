/**
 * Who leads, by a Lease (coordination.k8s.io/v1). No clock of another machine is believed: a candidate measures on its own
 * how long the Lease has not changed, and a leader measures from before it sent a renewal how long it may write. Since the
 * leader's limit (`renewDeadlineMs`) is shorter than the candidate's (`leaseDurationMs`), the one ends before the other
 * begins, as long as the two clocks run at speeds that differ by less than the quotient of the two. Pure.
 */

export interface LeaseDurations {
  /** How long a Lease must not have changed before another takes it. */
  readonly leaseDurationMs: number;
  /** How long after a renewal was sent its sender may write; less than `leaseDurationMs`. */
  readonly renewDeadlineMs: number;
  /** How often the leader renews and others look. */
  readonly retryMs: number;
}

/** The Lease as a server showed it. */
export interface LeaseRecord {
  /** "" when it was released. */
  readonly holder: string;
  /** What its holder asks others to wait. */
  readonly durationMs: number;
  readonly transitions: number;
  /** RFC 3339, of the holder's clock. */
  readonly acquireTime: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export interface ObservedLease {
  /** Undefined: there is none. */
  readonly record: LeaseRecord | undefined;
  /** When its present version was first seen, in own monotonic milliseconds. */
  readonly seenAt: number;
}

export interface LeaseSelf extends LeaseDurations {
  /** Of this process alone: not even the one before it in the same container may have had it. */
  readonly identity: string;
  /** When the last renewal that succeeded was sent; undefined: not leading. */
  readonly renewedAt: number | undefined;
  /** The largest number of transitions that this process has seen; undefined: it has seen no Lease. */
  readonly transitions: number | undefined;
}

/** `write`: with the version that was observed as precondition, so that only one of several succeeds. */
export type LeaseAction =
  | { readonly action: "write"; readonly transitions: number; readonly isTakeover: boolean }
  | { readonly action: "wait"; readonly ms: number };

export function decideLease({ record, seenAt }: ObservedLease, self: LeaseSelf, now: number): LeaseAction {
  // Never made, or deleted: then its holder may go on until it learns of it (see LeaseView).
  if (record === undefined) {
    const isHolder = isWithinDeadline(self, now);
    return writing(self.transitions === undefined ? 0 : self.transitions + (isHolder ? 0 : 1), !isHolder);
  }
  const { holder, transitions, durationMs } = record;
  if (holder === self.identity) {
    // Ours: renew in time. When we do not know of it (the answer was lost), writing it once more makes sure.
    const due = self.renewedAt === undefined ? now : self.renewedAt + self.retryMs;
    return waitUntil(due, self, now) ?? writing(transitions, false);
  }
  const free = holder === "" ? now : seenAt + Math.max(durationMs, self.leaseDurationMs);
  return waitUntil(free, self, now) ?? writing(transitions + 1, true);
}

/** At most until the next look. */
function waitUntil(then: number, { retryMs }: LeaseSelf, now: number): LeaseAction | undefined {
  return now < then ? { action: "wait", ms: Math.min(retryMs, then - now) } : undefined;
}

function writing(transitions: number, isTakeover: boolean): LeaseAction {
  return { action: "write", transitions, isTakeover };
}

/** Whether a leader may still write: no other can have taken the Lease yet. */
export function isWithinDeadline(self: LeaseSelf, now: number): boolean {
  return self.renewedAt !== undefined && now >= self.renewedAt && now < self.renewedAt + self.renewDeadlineMs;
}

/** What one candidate knows, from what it read and what its writes came to. */
export class LeaseView {
  readonly #durations: LeaseDurations;
  readonly #identity: string;
  #renewedAt: number | undefined;
  #transitions: number | undefined;
  #observed: ObservedLease | undefined;
  /** The server may hold another version than the one observed. */
  #isStale = true;
  /**
   * A Lease that we made where none was gives no right to write yet: it may have been deleted, and its holder, who is
   * the only one that need not wait for this, knows nothing of it and of us.
   */
  #writableFrom = -Infinity;

  constructor(identity: string, durations: LeaseDurations) {
    this.#identity = identity;
    this.#durations = durations;
  }

  get self(): LeaseSelf {
    return { ...this.#durations, identity: this.#identity, renewedAt: this.#renewedAt, transitions: this.#transitions };
  }

  /** As it was seen last. */
  get record(): LeaseRecord | undefined {
    return this.#observed?.record;
  }

  mayWrite(now: number): boolean {
    return now >= this.#writableFrom && isWithinDeadline(this.self, now);
  }

  /** Whether the Lease can be given up, so that another begins at once. */
  mayRelease(record: LeaseRecord | undefined, now: number): boolean {
    return record?.holder === this.#identity && now >= this.#writableFrom;
  }

  next(now: number): LeaseAction | { readonly action: "read" } {
    if (this.#observed === undefined || this.#isStale) return { action: "read" };
    return decideLease(this.#observed, this.self, now);
  }

  /** The Lease was read; `now` is after the answer came. */
  saw(record: LeaseRecord | undefined, now: number): void {
    const last = this.#observed;
    const isSame = last !== undefined && last.record?.resourceVersion === record?.resourceVersion;
    this.#observed = { record, seenAt: isSame ? last.seenAt : now };
    this.#isStale = false;
    if (record !== undefined) this.#transitions = Math.max(record.transitions, this.#transitions ?? 0);
    if (record !== undefined && record.holder !== this.#identity) this.#renewedAt = undefined;
  }

  /** The action is about to be carried out, and may be even if no answer comes. */
  begin({ isTakeover }: Extract<LeaseAction, { readonly action: "write" }>, now: number): void {
    if (this.record === undefined && isTakeover) this.#writableFrom = now + this.#durations.leaseDurationMs;
  }

  /** Our own write, sent at `sentAt`, was carried out and made this record. */
  wrote(record: LeaseRecord, sentAt: number, now: number): void {
    const last = this.record;
    if (last !== undefined && last.holder !== this.#identity) this.#writableFrom = -Infinity;
    this.saw(record, now);
    this.#renewedAt = sentAt;
  }

  /** Time has passed, another was faster, or nobody knows what became of a write: it must be read before the next. */
  look(): void {
    this.#isStale = true;
  }

  /** Stops to lead at once, whatever the Lease says. */
  resign(): void {
    this.#renewedAt = undefined;
  }
}
