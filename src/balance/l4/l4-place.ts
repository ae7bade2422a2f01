/** What connections and sessions of one port look at when they begin. Configuration swaps its route; what has begun goes on. */
import type { L4Observer } from "./l4-record.ts";
import type { L4Route } from "./l4-route.ts";

export interface L4Place {
  /** ListenerConfig.id. */
  readonly listener: string;
  /** Undefined when no route is attached. */
  route: L4Route | undefined;
}

/** Limits that configuration may change; read when something begins. */
export interface L4Limits {
  connectMs: number;
  tcpIdleMs: number;
  udpIdleMs: number;
}

export interface L4Clock {
  /** Milliseconds that never go back. */
  readonly now: number;
}

export interface L4Services {
  readonly clock: L4Clock;
  readonly limits: L4Limits;
  readonly observer: L4Observer;
}
