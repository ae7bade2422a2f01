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
  /** What was written is not what was asked for yet (a conflict): look again. */
  readonly onConflict: () => void;
}

interface Sent {
  readonly seen: string;
  readonly text: string;
}

/** A wish that was refused is sent again after this, when it is still wished for. */
const REFUSED_MS = 60_000;

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
      // A status that was written is seen before it is written again: sooner it would be about an old version.
      if (sent?.seen === seenBy(wish) && (wish.act === "status" || sent.text === textOf(wish))) continue;
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
    const sent = { seen: seenBy(wish), text: textOf(wish) };
    this.#sent.set(key, sent);
    const result = await this.#write(wish);
    this.counts[result.outcome]++;
    if (result.outcome === "written") {
      // Nothing has changed by it: no event will follow.
      if (result.object?.metadata.resourceVersion === sent.seen) this.#forgetSent(key, sent);
      return "done";
    }
    if (result.outcome === "refused") {
      this.#options.log.error("an object cannot be written", { object: key, reason: result.reason });
      setTimeout(() => this.#forgetSent(key, sent), REFUSED_MS).unref();
      return "done";
    }
    this.#forgetSent(key, sent);
    if (result.outcome === "conflict") this.#options.onConflict();
    if (result.outcome !== "retry") return "done";
    if (!this.#wishes.has(key)) this.#wishes.set(key, wish);
    return { retry: true, afterMs: result.afterMs };
  }

  #forgetSent(key: string, sent: Sent): void {
    if (this.#sent.get(key) === sent) this.#sent.delete(key);
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

const seenBy = (wish: Wish): string => (wish.act === "apply" ? wish.seen : wish.target.resourceVersion);

const textOf = (wish: Wish): string =>
  wish.act === "remove" ? "" : JSON.stringify(wish.act === "apply" ? wish.object : wish.status);
