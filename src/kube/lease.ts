/** Leader election by a Lease: reads and writes it as LeaseView decides. */
import { type Clock, systemClock } from "#src/process/clock.ts";
import { apiVersionOf } from "#src/resource/kind.ts";
import { type LeaseAction, type LeaseDurations, type LeaseRecord, LeaseView } from "./lease-decision.ts";
import { collectionPath, isRecord, type KubeKind, objectPath } from "./object.ts";
import { pause } from "./pause.ts";
import { describeReply, type KubeClient, type KubeReply } from "./request.ts";

export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** See LeaseSelf: the pod's name and a random part. */
  readonly identity: string;
  /** Whether we lead now. False comes at the latest when the renew deadline passes, and when the election is closed. */
  readonly onChange: (leading: boolean) => void;
  /** The API server cannot be asked, or says no: for the log, once until it can again (undefined). */
  readonly onFailure?: (reason: string | undefined) => void;
  readonly durations?: LeaseDurations;
  readonly clock?: Clock;
}

/** Those of Kubernetes' own controllers. */
export const LEASE_DURATIONS: LeaseDurations = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 };

const LEASE: KubeKind = {
  group: "coordination.k8s.io",
  versions: ["v1"],
  kind: "Lease",
  plural: "leases",
  scope: "Namespaced",
};

const RELEASE_TIMEOUT_MS = 2000;

export class LeaderElection implements AsyncDisposable {
  readonly #options: LeaderElectionOptions;
  readonly #durations: LeaseDurations;
  readonly #clock: Clock;
  readonly #view: LeaseView;
  readonly #stop = new AbortController();
  readonly #run: Promise<void>;
  /** The wall clock at the last renewal: it goes on while a machine sleeps, which the monotonic clock may not. */
  #renewedWall = 0;
  #leading = false;
  #deadline: NodeJS.Timeout | undefined;
  #failure: string | undefined;

  /** Begins at once. */
  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#durations = options.durations ?? LEASE_DURATIONS;
    this.#clock = options.clock ?? systemClock;
    this.#view = new LeaseView(options.identity, this.#durations);
    this.#run = this.#elect();
  }

  /**
   * Whether we lead, and no other can yet: to be asked before each write, which must end within `leaseDurationMs` less
   * `renewDeadlineMs`. `now` is the clock's now().
   */
  mayWrite(now: number = this.#clock.now()): boolean {
    return this.#view.mayWrite(now) && this.#clock.wall() < this.#renewedWall + this.#durations.renewDeadlineMs;
  }

  /** Counts leaders, from 1: larger than that of any before us. */
  get term(): number {
    return (this.#view.record?.transitions ?? 0) + 1;
  }

  /** Who holds the Lease, as far as is known; "" nobody. */
  get leader(): string {
    return this.#view.record?.holder ?? "";
  }

  /** Leads no more from this moment on; releases the Lease if it is ours. What is being written must have ended before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#view.resign();
    this.#tell();
    await this.#run;
    await this.#release();
  }

  async #elect(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const action = this.#view.next(this.#clock.now());
      if (action.action === "wait") await this.#wait(action.ms);
      else if (!(await (action.action === "read" ? this.#read() : this.#write(action))))
        await this.#wait(this.#durations.retryMs);
    }
  }

  async #wait(ms: number): Promise<void> {
    await pause(ms, this.#stop.signal);
    if (!this.#leading) this.#view.look();
  }

  /** False: it could not be read. */
  async #read(): Promise<boolean> {
    const { client } = this.#options;
    const reply = await client.request({ method: "GET", path: this.#path, ...this.#limits });
    const record = readLease(reply);
    if (record === undefined && reply.status !== 404) return this.#fail(reply);
    this.#view.saw(record, this.#clock.now());
    this.#succeed();
    return true;
  }

  /** False: nobody knows what became of it. */
  async #write(action: Extract<LeaseAction, { readonly action: "write" }>): Promise<boolean> {
    const { client, identity, namespace, name } = this.#options;
    const { record } = this.#view;
    const [sentAt, sentWall] = [this.#clock.now(), this.#clock.wall()];
    const now = microTime(sentWall);
    this.#view.begin(action, sentAt);
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#durations.leaseDurationMs / 1000),
      acquireTime: action.isTakeover || record === undefined || record.acquireTime === "" ? now : record.acquireTime,
      renewTime: now,
      leaseTransitions: action.transitions,
    };
    const lease = { apiVersion: apiVersionOf(LEASE), kind: LEASE.kind, metadata: { name, namespace }, spec };
    const reply = await client.request(
      record === undefined
        ? {
            method: "POST",
            path: collectionPath(LEASE, namespace),
            body: { type: "application/json", value: lease },
            ...this.#limits,
          }
        : { method: "PATCH", path: this.#path, body: patchOf(record, spec), ...this.#limits },
    );
    const written = readLease(reply);
    if (written === undefined) {
      this.#view.look();
      // Another was faster, or it was deleted: that is an answer. (404 to a creation: there is no such namespace.)
      return reply.status === 409 || (reply.status === 404 && record !== undefined) || this.#fail(reply);
    }
    this.#renewedWall = sentWall;
    if (!this.#stop.signal.aborted) this.#view.wrote(written, sentAt, this.#clock.now());
    this.#succeed();
    return true;
  }

  async #release(): Promise<void> {
    const { client } = this.#options;
    const reply = await client.request({ method: "GET", path: this.#path, timeoutMs: RELEASE_TIMEOUT_MS });
    const record = readLease(reply);
    if (record === undefined || !this.#view.mayRelease(record, this.#clock.now())) return;
    // A second, for the API server accepts no zero: who looks does not wait for it.
    const spec = { holderIdentity: "", leaseDurationSeconds: 1, renewTime: microTime(this.#clock.wall()) };
    const body = patchOf(record, spec);
    await client.request({ method: "PATCH", path: this.#path, body, timeoutMs: RELEASE_TIMEOUT_MS });
  }

  get #path(): string {
    return objectPath(LEASE, this.#options);
  }

  /** Two tries of a renewal fit in before the deadline. */
  get #limits(): { readonly timeoutMs: number; readonly signal: AbortSignal } {
    return { timeoutMs: this.#durations.renewDeadlineMs / 2, signal: this.#stop.signal };
  }

  #succeed(): void {
    this.#report(undefined);
    this.#tell();
  }

  #fail(reply: KubeReply): false {
    this.#view.look();
    if (!this.#stop.signal.aborted) this.#report(describeReply(reply));
    this.#tell();
    return false;
  }

  #report(failure: string | undefined): void {
    if (failure === this.#failure) return;
    this.#failure = failure;
    this.#options.onFailure?.(failure);
  }

  /** Tells a change, and comes back when the deadline passes. */
  #tell(): void {
    clearTimeout(this.#deadline);
    const now = this.#clock.now();
    const leading = this.mayWrite(now);
    const { renewedAt = now } = this.#view.self;
    const left = renewedAt + this.#durations.renewDeadlineMs - now;
    if (leading) this.#deadline = setTimeout(() => this.#tell(), Math.max(1, left));
    if (leading === this.#leading) return;
    this.#leading = leading;
    this.#options.onChange(leading);
  }
}

/** With the version that was seen as precondition; labels and annotations that others put there stay. */
function patchOf(
  { uid, resourceVersion }: LeaseRecord,
  spec: Readonly<Record<string, unknown>>,
): { type: string; value: unknown } {
  return { type: "application/merge-patch+json", value: { metadata: { uid, resourceVersion }, spec } };
}

function readLease(reply: KubeReply): LeaseRecord | undefined {
  if (reply.status === undefined || reply.status >= 300 || !isRecord(reply.body)) return undefined;
  const { metadata, spec } = reply.body;
  if (!isRecord(metadata)) return undefined;
  const { uid, resourceVersion } = metadata;
  const { holderIdentity, leaseDurationSeconds, leaseTransitions, acquireTime } = isRecord(spec) ? spec : {};
  if (typeof uid !== "string" || typeof resourceVersion !== "string") return undefined;
  return {
    holder: typeof holderIdentity === "string" ? holderIdentity : "",
    durationMs: typeof leaseDurationSeconds === "number" ? leaseDurationSeconds * 1000 : 0,
    transitions: typeof leaseTransitions === "number" ? leaseTransitions : 0,
    acquireTime: typeof acquireTime === "string" ? acquireTime : "",
    uid,
    resourceVersion,
  };
}

/** metav1.MicroTime: six digits of a second, no more and no fewer. */
function microTime(wall: number): string {
  return new Date(wall).toISOString().replace("Z", "000Z");
}
