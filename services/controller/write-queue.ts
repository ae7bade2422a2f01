/**
 * What the leader writes, an object at a time: the newest wish for an object replaces an older one that has not been
 * sent. Each wish is about a state of the object that was seen; once it has been sent, the same wish about the same state
 * is not sent again, for the watch will soon show what came of it.
 */
import type { AppliedObject, KubeWriter, WriteTarget } from "#src/kube/apply.ts";
import { type KubeKind, objectName } from "#src/kube/object.ts";
import { type WorkOutcome, WorkQueue } from "#src/kube/queue.ts";
import type { WriteOutcome } from "#src/kube/write-outcome.ts";
import type { Logger } from "#src/process/logger.ts";

export type Wish =
  | { readonly act: "apply"; readonly kind: KubeKind; readonly object: AppliedObject; readonly seen: string }
  | { readonly act: "remove"; readonly kind: KubeKind; readonly target: WriteTarget }
  | {
      readonly act: "status";
      readonly kind: KubeKind;
      readonly target: WriteTarget;
      readonly status: Readonly<Record<string, unknown>>;
    };

export interface WriteQueueOptions {
  readonly writer: KubeWriter;
  readonly log: Logger;
  /** What was wished for may not be so, and no event may tell of it: look again, after a moment. */
  readonly onDoubt: () => void;
  /** See below. Default 60,000. */
  readonly refusedMs?: number;
  /** See below. Default 10,000. */
  readonly unseenMs?: number;
}

interface Sent {
  readonly seen: string;
  readonly text: string;
  isRefused: boolean;
}

/** The API server is back, and so is what it shall hold. */
const BACKOFF = { firstMs: 50, maxMs: 3000 };
/** A wish that was refused is sent again after this, when it is still wished for. */
const REFUSED_MS = 60_000;
/** So is one that was carried out, when nothing was seen of it: the object may have been deleted at once. */
const UNSEEN_MS = 10_000;

export class WriteQueue implements AsyncDisposable {
  /** By what became of them, since the start. */
  readonly counts: Record<WriteOutcome["outcome"], number> = {
    written: 0,
    absent: 0,
    conflict: 0,
    refused: 0,
    retry: 0,
    fenced: 0,
  };
  readonly #options: WriteQueueOptions;
  readonly #wishes = new Map<string, Wish>();
  readonly #sent = new Map<string, Sent>();
  readonly #queue: WorkQueue;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({
      work: (key) => this.#send(key),
      concurrency: 8,
      rate: { perSecond: 200, burst: 400 },
      backoff: BACKOFF,
    });
  }

  /** All that is wished for now: older wishes that are not among these are forgotten. */
  want(wishes: Iterable<Wish>): void {
    const wanted = new Map(Array.from(wishes, (wish) => [keyOf(wish), wish]));
    for (const key of this.#sent.keys()) if (!wanted.has(key)) this.#sent.delete(key);
    for (const key of this.#wishes.keys()) {
      if (wanted.has(key)) continue;
      this.#wishes.delete(key);
      this.#queue.remove(key);
    }
    for (const [key, wish] of wanted) {
      const sent = this.#sent.get(key);
      if (sent?.seen === seenBy(wish) && (isAwaited(wish, sent) || sent.text === textOf(wish))) continue;
      // One that waits, perhaps for its back-off, has its turn already.
      const isWaiting = this.#wishes.has(key);
      this.#wishes.set(key, wish);
      if (!isWaiting) this.#queue.add(key);
    }
  }

  /** Whoever leads next decides anew. */
  forget(): void {
    this.#wishes.clear();
    this.#sent.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#queue[Symbol.asyncDispose]();
  }

  async #send(key: string): Promise<WorkOutcome> {
    const wish = this.#wishes.get(key);
    if (wish === undefined) return "done";
    this.#wishes.delete(key);
    const sent: Sent = { seen: seenBy(wish), text: textOf(wish), isRefused: false };
    this.#sent.set(key, sent);
    const result = await this.#write(wish);
    this.counts[result.outcome]++;
    const { refusedMs = REFUSED_MS, unseenMs = UNSEEN_MS, log, onDoubt } = this.#options;
    if (result.outcome === "written") {
      // Nothing has changed by it: no event will follow.
      if (result.object?.metadata.resourceVersion === sent.seen) this.#forgetSent(key, sent);
      else this.#doubtAfter(key, sent, unseenMs);
      return "done";
    }
    if (result.outcome === "refused") {
      log.error("an object cannot be written", { object: key, reason: result.reason });
      sent.isRefused = true;
      this.#doubtAfter(key, sent, refusedMs);
      return "done";
    }
    if (result.outcome === "absent") {
      // It is deleted, or its namespace is going: if not, that will be seen.
      this.#doubtAfter(key, sent, unseenMs);
      return "done";
    }
    const isWanted = this.#forgetSent(key, sent);
    if (result.outcome !== "retry") {
      onDoubt();
      return "done";
    }
    // A newer wish has its turn after the back-off, too; what nobody wishes for any more is not sent again.
    if (isWanted && !this.#wishes.has(key)) this.#wishes.set(key, wish);
    return this.#wishes.has(key) ? { retry: true, afterMs: result.afterMs } : "done";
  }

  #doubtAfter(key: string, sent: Sent, ms: number): void {
    setTimeout(() => {
      if (this.#forgetSent(key, sent)) this.#options.onDoubt();
    }, ms).unref();
  }

  /** False: it was forgotten already, since it is not wished for any more. */
  #forgetSent(key: string, sent: Sent): boolean {
    return this.#sent.get(key) === sent && this.#sent.delete(key);
  }

  #write(wish: Wish): Promise<WriteOutcome> {
    const { writer } = this.#options;
    if (wish.act === "apply") return writer.apply(wish.kind, wish.object);
    if (wish.act === "remove") return writer.remove(wish.kind, wish.target);
    return writer.patchStatus(wish.kind, wish.target, wish.status);
  }
}

function keyOf(wish: Wish): string {
  if (wish.act !== "apply") return `${wish.act} ${objectName(wish.kind.kind, wish.target)}`;
  const { name, namespace = "" } = wish.object.metadata;
  return `apply ${objectName(wish.kind.kind, { namespace, name })}`;
}

/** A status that was written is seen before it is written again: sooner it would be about an old version. */
const isAwaited = (wish: Wish, sent: Sent): boolean => wish.act === "status" && !sent.isRefused;

const seenBy = (wish: Wish): string => (wish.act === "apply" ? wish.seen : wish.target.resourceVersion);

const textOf = (wish: Wish): string =>
  wish.act === "remove" ? "" : JSON.stringify(wish.act === "apply" ? wish.object : wish.status);
