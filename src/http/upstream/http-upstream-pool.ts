/**
 * Pooled HTTP/1.1 connections to one backend's endpoints. A request takes the connection that was idle shortest, or opens
 * one, or waits its turn. It is sent again only where that cannot be noticed: to another endpoint when none of it was sent,
 * and once on a fresh connection when a used one turns out to have been closed (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
 *
 * All calls belong into a poller batch (`poller.run` elsewhere). No receiver is called from within its own `request`,
 * `write` or `end`: what fails at once is told at the batch's end.
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
import { ClientConnection, type ConnectionOwner } from "./client-connection.ts";
import { EndpointConnections } from "./endpoint-connections.ts";
import type { Connect, UpstreamLimits } from "./options.ts";
import type { SendFault } from "./request-sender.ts";
import type { UpstreamServices } from "./services.ts";

/** Ended calls kept for the next requests, of all backends. */
const SPARE_CALLS = 1024;
const PENDING = 1;
const ENDED = "the backend is no longer in use";

export class HttpUpstreamPool implements UpstreamPool, CallOwner, ConnectionOwner, Disposable {
  readonly backend: BackendPool;
  readonly services: UpstreamServices;
  readonly limits: UpstreamLimits;
  /** Since the start: connections opened, requests sent on a used connection, requests sent again. */
  readonly counts = { opened: 0, reused: 0, retries: 0 };
  readonly #connect: Connect;
  readonly #groups = new Map<Endpoint, EndpointConnections>();
  /** Nothing is opened or kept any more. */
  #isEnding = false;

  constructor(backend: BackendPool, connect: Connect, services: UpstreamServices, limits: UpstreamLimits) {
    this.backend = backend;
    this.services = services;
    this.limits = limits;
    this.#connect = connect;
    backend.onGone((endpoint) => this.#forget(endpoint));
  }

  /** Connections now: [active, idle]; those being opened are active. */
  get connections(): readonly [active: number, idle: number] {
    let open = 0;
    let idle = 0;
    for (const group of this.#groups.values()) {
      open += group.open.size;
      idle += group.idle.length;
    }
    return [open - idle, idle];
  }

  /** Requests that wait for a connection. */
  get pending(): number {
    let count = 0;
    for (const group of this.#groups.values()) count += group.waiting.length;
    return count;
  }

  /** The call must not be used after its receiver's last callback: it may then serve another request. */
  request(request: UpstreamRequest, receiver: UpstreamReceiver): UpstreamCall {
    const call = this.services.spare.pop() ?? new Call(this.services, this, receiver);
    const fault = call.begin(this, request, receiver);
    if (fault !== undefined) call.failLate("send", false, fault);
    else if (this.#isEnding) call.failLate("noEndpoint", true, ENDED);
    else this.#send(call);
    return call;
  }

  /** Ends in order: what is under way goes on and its connections close behind it; whatever would need a connection fails. */
  [Symbol.dispose](): void {
    this.#isEnding = true;
    for (const group of this.#groups.values()) {
      for (const call of group.waiting.splice(0)) this.#giveUp(call, "noEndpoint", true, ENDED);
      closeIdle(group);
    }
  }

  /** As dispose, and cuts what is under way. */
  close(): void {
    this[Symbol.dispose]();
    for (const group of this.#groups.values()) for (const connection of group.open) connection.shutDown();
  }

  // --- from calls ---

  onCancel(call: Call): void {
    const { connection } = call;
    call.isOver = true;
    call.leave();
    connection?.cancel();
  }

  onSendFault(call: Call, fault: SendFault): void {
    const { connection } = call;
    call.leave();
    connection?.cancel();
    call.failLate("send", false, fault);
  }

  onPendingTooLong(call: Call): void {
    const isTimeout = call.headAt !== 0 && call.headAt <= this.services.loop.now;
    this.#giveUp(call, isTimeout ? "timeout" : "limit", true, "no free connection in time");
  }

  // --- from connections ---

  onConnected(connection: ClientConnection): void {
    this.counts.opened++;
    // Only an answer proves an endpoint well, but a connection ends a row of refusals.
    connection.group.endpoint.failures = 0;
  }

  onReusable(connection: ClientConnection): void {
    const { group } = connection;
    const next = group.waiting[0];
    if (group.isGone || this.#isEnding) connection.close("done");
    else if (next !== undefined) {
      this.#stopWaiting(next);
      this.#reuse(connection, next);
    } else if (group.idle.length < this.limits.idleConnections) group.idle.push(connection);
    else connection.close("done");
  }

  onGone(connection: ClientConnection): void {
    const { group } = connection;
    group.forget(connection);
    if (group.isGone && group.open.size === 0) this.#groups.delete(group.endpoint);
    const next = group.waiting[0];
    if (next === undefined) return;
    this.#stopWaiting(next);
    this.#open(group, next);
  }

  onCallDone(call: Call): void {
    call.isOver = true;
    this.backend.succeeded(call.group!.endpoint);
    call.leave();
  }

  /** A requester whose body outlives its response might still call: only those without one are used again. */
  onCallOver(call: Call): void {
    const { spare } = this.services;
    if (!call.hasBody && call.sender.isSmall && spare.length < SPARE_CALLS) spare.push(call);
  }

  onCallFailed(
    connection: ClientConnection,
    call: Call,
    wasSent: boolean,
    source: UpstreamErrorSource,
    detail: string,
  ): void {
    const isSafe = call.isSafeToRepeat(wasSent);
    const isBroken = source === "head" || source === "send";
    // A used connection that the backend had closed says nothing about its health.
    const isStale = connection.wasUsed && !call.answered && isBroken;
    call.leave();
    if (!isStale && !this.#isEnding) this.backend.failed(connection.group.endpoint);
    const isUntouched = call.sender.bodySent === 0;
    const goesOn = wasSent ? isStale && !call.wantsFresh : isStale || source === "connect" || source === "tls";
    if (!isSafe || !isUntouched || !goesOn || this.#isEnding) return this.#giveUp(call, source, isSafe, detail);
    if (isStale) call.wantsFresh = true;
    else call.tried.push(connection.group.endpoint);
    return this.#sendAgain(call, source, detail);
  }

  // --- ways to a connection ---

  #sendAgain(call: Call, source: UpstreamErrorSource, detail: string): void {
    if (call.attempts >= this.limits.attempts) {
      call.failLate(source, true, detail);
      return;
    }
    this.counts.retries++;
    this.#send(call, source, detail);
  }

  /** `source` and `detail`: why the attempt before failed, told when there is no endpoint left to try. */
  #send(call: Call, source: UpstreamErrorSource = "noEndpoint", detail = "no endpoint is ready"): void {
    const picked = this.backend.pick(call.key, call.tried);
    if (picked === undefined) {
      call.failLate(source, true, detail);
      return;
    }
    call.attempts++;
    let group = this.#group(picked);
    if (this.#isFull(group)) group = this.#lessBusy(call, group);
    const idle = call.wantsFresh ? undefined : group.takeIdle();
    call.enter(group);
    if (idle !== undefined) this.#reuse(idle, call);
    else if (group.open.size < this.limits.connections) this.#open(group, call);
    else this.#wait(group, call);
  }

  #reuse(connection: ClientConnection, call: Call): void {
    this.counts.reused++;
    connection.start(call);
  }

  #open(group: EndpointConnections, call: Call): void {
    const connection = new ClientConnection(this, group);
    const stream = this.#connect(group.endpoint.address, connection);
    if (typeof stream === "string") {
      call.leave();
      this.backend.failed(group.endpoint);
      call.tried.push(group.endpoint);
      this.#sendAgain(call, "connect", `cannot connect: ${stream}`);
      return;
    }
    group.open.add(connection);
    connection.attach(stream, call);
  }

  #wait(group: EndpointConnections, call: Call): void {
    if (group.waiting.length >= this.limits.pending) {
      call.leave();
      call.failLate("limit", true, "too many requests wait for a connection");
      return;
    }
    group.waiting.push(call);
    const { loop } = this.services;
    const headMs = call.headAt === 0 ? Infinity : Math.max(1, call.headAt - loop.now);
    loop.deadlines.arm(call.deadline, PENDING, Math.min(this.limits.pendingMs, headMs));
  }

  #stopWaiting(call: Call): void {
    call.group!.forgetWaiting(call);
    this.services.loop.deadlines.remove(call.deadline);
  }

  #isFull(group: EndpointConnections): boolean {
    return group.idle.length === 0 && group.open.size >= this.limits.connections;
  }

  /** Where the next healthy endpoint has room it is taken instead, whatever the key: affinity is worth less than an answer. */
  #lessBusy(call: Call, full: EndpointConnections): EndpointConnections {
    const { tried } = call;
    const failed = tried.length;
    let group = full;
    while (this.#isFull(group)) {
      tried.push(group.endpoint);
      const other = this.backend.pick(call.key, tried);
      if (other === undefined || !this.backend.isHealthy(other)) {
        group = full;
        break;
      }
      group = this.#group(other);
    }
    tried.length = failed;
    return group;
  }

  #group(endpoint: Endpoint): EndpointConnections {
    let group = this.#groups.get(endpoint);
    if (group === undefined) {
      group = new EndpointConnections(endpoint);
      this.#groups.set(endpoint, group);
    }
    return group;
  }

  /** For failures that an event brings. */
  #giveUp(call: Call, source: UpstreamErrorSource, retryable: boolean, detail: string): void {
    call.leave();
    call.fail(source, retryable, detail);
  }

  /** The endpoint has left: who waits for it goes elsewhere, unused connections close, the others when they are done. */
  #forget(endpoint: Endpoint): void {
    const group = this.#groups.get(endpoint);
    if (group === undefined) return;
    group.isGone = true;
    if (group.open.size === 0) this.#groups.delete(endpoint);
    for (const call of group.waiting.splice(0)) {
      call.leave();
      this.#send(call);
    }
    closeIdle(group);
  }
}

function closeIdle(group: EndpointConnections): void {
  for (const connection of group.idle.splice(0)) connection.close("done");
}
