/** The last stage of a rule: the request goes to a backend, its response to the client. */
import type { Exchange } from "#src/http/exchange.ts";
import type { Stage } from "#src/http/stage.ts";
import { Relay, type RelayServices } from "./relay.ts";
import type { RuleUpstream } from "./rule-upstream.ts";

/** Milliseconds, 0 for none. */
export interface RelayTimeouts {
  /** From the request's head to the response's end. */
  readonly requestMs: number;
  /** From sending the request to the response's head. */
  readonly headMs: number;
}

export class RelayStage implements Stage {
  readonly #upstream: RuleUpstream;
  readonly #timeouts: RelayTimeouts;
  readonly #services: RelayServices;

  constructor(upstream: RuleUpstream, timeouts: RelayTimeouts, services: RelayServices) {
    this.#upstream = upstream;
    this.#timeouts = timeouts;
    this.#services = services;
  }

  onRequest(exchange: Exchange): "done" | "wait" {
    const relay = this.#services.spare.pop() ?? new Relay(this.#services);
    return relay.begin(exchange, this.#upstream, this.#timeouts);
  }
}
