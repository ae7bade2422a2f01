/**
 * Pooled HTTP/1.1 connections to one backend's endpoints. A request takes the connection that was idle shortest, or opens
 * one, or waits its turn; it is sent again elsewhere only where that cannot be noticed (RFC 9110 section 9.2.2).
 */
import type { Endpoint } from "#src/balance/endpoint.ts";
import type { BackendPool } from "#src/balance/pool.ts";
import type {
  UpstreamCall,
  UpstreamErrorSource,
  UpstreamPool,
  UpstreamReceiver,
  UpstreamRequest,
} from "../upstream.ts";
import { Call, type CallOwner } from "./call.ts";
import { ClientConnection, ConnectionScratch, type ConnectionOwner } from "./client-connection.ts";
import { EndpointConnections } from "./endpoint-connections.ts";
import type { Connect, UpstreamLimits, UpstreamServices } from "./options.ts";

/** Ended calls kept for the next requests. */
const SPARE_CALLS = 256;
const PENDING = 1;

export class HttpUpstreamPool implements UpstreamPool, CallOwner, ConnectionOwner, Disposable {
  readonly backend: BackendPool;
  readonly services: UpstreamServices;
  readonly limits: UpstreamLimits;
  readonly scratch = new ConnectionScratch();
  /** Since the start: connections opened, requests sent on a used connection, requests sent again. */
  readonly counts = { opened: 0, reused: 0, retries: 0 };
  readonly #connect: Connect;
  readonly #groups = new Map<Endpoint, EndpointConnections>();
  readonly #spare: Call[] = [];

  constructor(backend: BackendPool, connect: Connect, services: UpstreamServices, limits: UpstreamLimits) {
    this.backend = backend;
    this.services = services;
    this.limits = limits;
    this.#connect = connect;
    backend.onGone((endpoint) => this.#forget(endpoint));
  }

  /** Connections now: [active, idle]. */
  get connections(): readonly [active: number, idle: number] {
    let open = 0;
    let idle = 0;
    for (const group of this.#groups.values()) {
      open += group.open;
      idle += group.idle.length;
    }
    return [open - idle, idle];
  }

  /**
   * The outcome comes through the receiver; when nothing can be tried at all `onFail` comes before this returns. The call
   * must not be used after its last callback: it then serves another request.
   */
  request(request: UpstreamRequest, receiver: UpstreamReceiver): UpstreamCall {
    const call = this.#spare.pop() ?? new Call(this);
    if (call.begin(request, receiver)) this.#send(call);
    else this.#giveUp(call, "send", false, "the request's head is too large");
    return call;
  }

  /** Closes idle connections; those in use close when their response is complete. */
  [Symbol.dispose](): void {
    for (const endpoint of this.#groups.keys()) this.#forget(endpoint);
  }

  // --- from calls ---

  onCancel(call: Call): void {
    if (call.isOver) return;
    this.#leaveEndpoint(call);
    this.#groupOf(call)?.forgetWaiting(call);
    call.connection?.cancel();
    this.#recycle(call);
  }

  onPendingTooLong(call: Call): void {
    this.#groupOf(call)?.forgetWaiting(call);
    this.#leaveEndpoint(call);
    this.#giveUp(call, "limit", true, "no free connection in time");
  }

  // --- from connections ---

  onConnected(connection: ClientConnection): void {
    // Only being answered proves an endpoint well, but being connected ends a row of refusals.
    connection.group.endpoint.failures = 0;
  }

  onReusable(connection: ClientConnection): void {
    const { group } = connection;
    const next = group.waiting.shift();
    if (next !== undefined) {
      this.services.loop.deadlines.disarm(next.deadline);
      connection.start(next);
    } else if (group.isGone || group.idle.length >= this.limits.idleConnections) connection.close("done");
    else group.idle.push(connection);
  }

  onGone(connection: ClientConnection): void {
    const { group } = connection;
    group.open--;
    group.forgetIdle(connection);
    const next = group.waiting.shift();
    if (next === undefined) return;
    this.services.loop.deadlines.disarm(next.deadline);
    this.#open(group, next);
  }

  onCallDone(call: Call): void {
    if (call.chosen !== undefined) this.backend.succeeded(call.chosen);
    this.#leaveEndpoint(call);
    this.#recycle(call);
  }

  onCallFailed(
    connection: ClientConnection,
    call: Call,
    wasSent: boolean,
    source: UpstreamErrorSource,
    detail: string,
  ): void {
    const { endpoint } = connection.group;
    this.#leaveEndpoint(call);
    call.connection = undefined;
    const isStale = connection.wasUsed && !call.answered && source === "head";
    // A used connection that the backend closed says nothing about its health.
    if (!isStale) this.backend.failed(endpoint);
    const mayRepeat = source !== "timeout" && call.isRepeatable(wasSent);
    if (!mayRepeat || call.attempts >= this.limits.attempts) {
      this.#giveUp(call, source, mayRepeat, detail);
      return;
    }
    if (isStale) call.wantsFresh = true;
    else call.tried.push(endpoint);
    this.#send(call, source, detail);
  }

  // --- ways to a connection ---

  /** `source` and `detail`: why the attempt before failed, told when there is no endpoint left to try. */
  #send(call: Call, source: UpstreamErrorSource = "noEndpoint", detail = "no endpoint is ready"): void {
    const endpoint = this.backend.pick(call.key, call.tried);
    if (endpoint === undefined) {
      this.#giveUp(call, source, false, detail);
      return;
    }
    call.chosen = endpoint;
    endpoint.inFlight++;
    if (call.attempts++ > 0) this.counts.retries++;
    const group = this.#group(endpoint);
    const idle = call.wantsFresh ? undefined : group.idle.pop();
    if (idle !== undefined) {
      this.counts.reused++;
      idle.start(call);
    } else if (group.open < this.limits.connections) this.#open(group, call);
    else if (group.waiting.length < this.limits.pending) {
      group.waiting.push(call);
      this.services.loop.deadlines.arm(call.deadline, PENDING, this.limits.pendingMs);
    } else {
      this.#leaveEndpoint(call);
      this.#giveUp(call, "limit", true, "too many requests wait for a connection");
    }
  }

  #open(group: EndpointConnections, call: Call): void {
    const connection = new ClientConnection(this, group);
    const stream = this.#connect(group.endpoint.address, connection);
    if (typeof stream === "string") {
      this.onCallFailed(connection, call, false, "connect", `cannot connect: ${stream}`);
      return;
    }
    group.open++;
    this.counts.opened++;
    connection.attach(stream, call);
  }

  #group(endpoint: Endpoint): EndpointConnections {
    let group = this.#groups.get(endpoint);
    if (group === undefined) {
      group = new EndpointConnections(endpoint);
      this.#groups.set(endpoint, group);
    }
    return group;
  }

  #groupOf(call: Call): EndpointConnections | undefined {
    return call.chosen === undefined ? undefined : this.#groups.get(call.chosen);
  }

  #leaveEndpoint(call: Call): void {
    this.services.loop.deadlines.disarm(call.deadline);
    if (call.chosen !== undefined) call.chosen.inFlight--;
  }

  #giveUp(call: Call, source: UpstreamErrorSource, retryable: boolean, detail: string): void {
    call.isOver = true;
    call.fail(source, retryable, detail);
    this.#recycle(call);
  }

  #recycle(call: Call): void {
    call.isOver = true;
    call.connection = undefined;
    if (this.#spare.length < SPARE_CALLS && !this.#spare.includes(call)) this.#spare.push(call);
  }

  #forget(endpoint: Endpoint): void {
    const group = this.#groups.get(endpoint);
    if (group === undefined) return;
    group.isGone = true;
    this.#groups.delete(endpoint);
    for (const connection of group.idle.splice(0)) connection.close("done");
  }
}
