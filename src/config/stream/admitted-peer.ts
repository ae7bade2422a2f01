/** A pod that was let in: stays as long as its token allows, and longer with each fresh one. */
import type { Clock } from "#src/process/clock.ts";
import type { PodIdentity } from "./identity.ts";
import type { ServedPeer, VouchedPeer } from "./server.ts";
import type { TokenFault } from "./token-verifier.ts";

/** What a token comes to, its plane included. */
export type Admission =
  | { readonly identity: PodIdentity; /** Milliseconds since 1970. */ readonly expiresAt: number }
  | { readonly fault: TokenFault | "noPlane" };

export type AdmissionFault = TokenFault | "noPlane" | "otherPod";

export interface AdmittedPeerOptions {
  readonly identity: PodIdentity;
  /** How long it may stay beyond its token's end. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly check: (token: string) => Promise<Admission>;
  readonly onRefused: (fault: AdmissionFault) => void;
  /** Once, whoever ended it. */
  readonly onEnd: () => void;
}

/** Longest delay of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class AdmittedPeer implements VouchedPeer {
  readonly #options: AdmittedPeerOptions;
  #served: ServedPeer | undefined;
  #expiresAt = 0;
  #end: NodeJS.Timeout | undefined;
  /** One token at a time, and of those that come meanwhile the last. */
  #isChecking = false;
  #next: string | undefined;

  constructor(options: AdmittedPeerOptions) {
    this.#options = options;
  }

  get identity(): PodIdentity {
    return this.#options.identity;
  }

  /** It is served from now on, until then. */
  begin(served: ServedPeer, expiresAt: number): void {
    this.#served = served;
    this.#stayUntil(expiresAt);
  }

  onToken(token: string): void {
    this.#next = token;
    if (!this.#isChecking) void this.#checkNext();
  }

  onEnd(): void {
    if (this.#served === undefined) return;
    clearTimeout(this.#end);
    this.#served = undefined;
    this.#options.onEnd();
  }

  async #checkNext(): Promise<void> {
    this.#isChecking = true;
    while (this.#next !== undefined && this.#served !== undefined) {
      const token = this.#next;
      this.#next = undefined;
      const admission = await this.#options.check(token);
      if ("fault" in admission) this.#refuse(admission.fault);
      else if (!isSame(admission.identity, this.identity)) this.#refuse("otherPod");
      else if (admission.expiresAt > this.#expiresAt) this.#stayUntil(admission.expiresAt);
    }
    this.#isChecking = false;
  }

  #stayUntil(expiresAt: number): void {
    const { graceMs, clock } = this.#options;
    clearTimeout(this.#end);
    if (this.#served === undefined) return;
    this.#expiresAt = expiresAt;
    const ms = Math.max(0, expiresAt + graceMs - clock.wall());
    this.#end = setTimeout(() => this.#refuse("expired"), Math.min(ms, MAX_TIMER_MS)).unref();
  }

  #refuse(fault: AdmissionFault): void {
    const served = this.#served;
    if (served === undefined) return;
    this.#options.onRefused(fault);
    this.onEnd();
    served.refuse(fault);
  }
}

/** Everything but the node's name, which an API server may begin to tell while we are connected. */
function isSame(one: PodIdentity, other: PodIdentity): boolean {
  return (
    one.podUid === other.podUid &&
    one.namespace === other.namespace &&
    one.serviceAccount === other.serviceAccount &&
    one.plane === other.plane
  );
}
