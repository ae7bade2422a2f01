/** Who waits for whom: publications for the acknowledgements of the clients that were there. */
import type { ClientState } from "./client-state.ts";
import type { Rejection } from "./update.ts";

/** How one client took a publication. */
export interface Liveness {
  readonly client: string;
  /** From publishing to its acknowledgement; undefined: not within the time, or it has gone away. */
  readonly afterMs: number | undefined;
  readonly rejected: readonly Rejection[];
}

interface Waiter {
  /** The view's generation that is waited for. */
  readonly generation: number;
  readonly settle: (afterMs: number | undefined) => void;
}

export class PublicationWaiters {
  readonly #timeoutMs: number;
  readonly #waiters = new Map<ClientState, Set<Waiter>>();

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Resolves when the client has what its view is now, has gone, or the time is up. */
  wait(state: ClientState): Promise<Liveness> {
    const { client } = state;
    const begun = performance.now();
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(state) ?? new Set();
      this.#waiters.set(state, waiters);
      const waiter: Waiter = {
        generation: state.view.generation,
        settle: (afterMs) => {
          clearTimeout(timer);
          waiters.delete(waiter);
          if (waiters.size === 0) this.#waiters.delete(state);
          resolve({ client, afterMs: afterMs === undefined ? undefined : afterMs - begun, rejected: state.rejected });
        },
      };
      const timer = setTimeout(() => waiter.settle(undefined), this.#timeoutMs);
      waiters.add(waiter);
    });
  }

  /** The client may have what was waited for. */
  check(state: ClientState): void {
    const waiters = this.#waiters.get(state);
    const generation = state.acknowledgedGeneration;
    if (waiters === undefined || generation === undefined) return;
    const now = performance.now();
    for (const waiter of waiters) if (waiter.generation <= generation) waiter.settle(now);
  }

  /** The client has gone. */
  drop(state: ClientState): void {
    for (const waiter of this.#waiters.get(state) ?? []) waiter.settle(undefined);
  }
}
