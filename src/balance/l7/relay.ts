/**
 * One exchange on its way to a backend and back: bodies stream in both directions, each as fast as its receiver takes it.
 * Relays are used again; whoever ends one side lets go of the relay before it tells the other, so that a new exchange that
 * begins within the same call finds it free.
 */
import type { AbortReason, BodySink, Exchange, ResponseSource } from "#src/http/exchange.ts";
import { FIELD } from "#src/http/field.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import { BODY, Message } from "#src/http/message.ts";
import type {
  UpstreamCall,
  UpstreamError,
  UpstreamErrorSource,
  UpstreamReceiver,
  UpstreamRequest,
} from "#src/http/upstream.ts";
import type { Slab } from "#src/reactor/slab.ts";
import type { Stream } from "#src/reactor/stream.ts";
import { Deadline, type DeadlineOwner, type TimerWheel } from "#src/reactor/timer-wheel.ts";
import { ForwardedFields, RESPONSE_EDITS } from "./forwarded-fields.ts";
import type { RelayTimeouts } from "./relay-stage.ts";
import { ChangedRequest, type RuleUpstream } from "./rule-upstream.ts";
import { joinStreams } from "./tunnel.ts";

/** Ended relays kept for the next exchanges. */
const SPARE_RELAYS = 1024;
const REQUEST = 1;
const NO_HEAD = new Message(0);

/** The part of the reactor's poller that relays need. */
export interface RelayLoop {
  /** Milliseconds; the same clock as Exchange.startedAt. */
  readonly now: number;
  readonly deadlines: Pick<TimerWheel, "arm" | "disarm">;
}

/** What the relays of a process share; outlives every configuration. */
export class RelayServices {
  readonly loop: RelayLoop;
  /** After so many milliseconds without a byte in either direction an upgraded connection is closed. */
  tunnelIdleMs: number;
  readonly forwarded = new ForwardedFields();
  /** For one call of a rule's upstream. */
  readonly changed = new ChangedRequest();
  readonly spare: Relay[] = [];

  constructor(loop: RelayLoop, tunnelIdleMs: number) {
    this.loop = loop;
    this.tunnelIdleMs = tunnelIdleMs;
  }
}

/** What a client is told when there is no response. */
const STATUS_OF: Readonly<Record<UpstreamErrorSource, number>> = {
  connect: 502,
  tls: 502,
  send: 502,
  head: 502,
  body: 502,
  timeout: 504,
  noEndpoint: 503,
  limit: 503,
  noBackend: 500,
};

export class Relay implements UpstreamRequest, UpstreamReceiver, DeadlineOwner {
  readonly edits = new FieldEdits();
  head: Message = NO_HEAD;
  hasBody = false;
  readonly key = 0;
  headTimeoutMs = 0;
  readonly #services: RelayServices;
  readonly #client: ClientSide = new ClientSide(this);
  readonly #deadline = new Deadline(this);
  #upstream: RuleUpstream | undefined = undefined;
  #exchange: Exchange | undefined = undefined;
  #call: UpstreamCall | undefined = undefined;
  /** Counts uses, so that `begin` sees when the relay has been let go of, and perhaps taken again, meanwhile. */
  #use = 0;

  constructor(services: RelayServices) {
    this.#services = services;
  }

  begin(exchange: Exchange, upstream: RuleUpstream, timeouts: RelayTimeouts): "done" | "wait" {
    const { forwarded, loop } = this.#services;
    const { request } = exchange;
    const use = this.#use;
    if (request.upgrade && offersHttp2(request)) request.upgrade = false;
    this.#exchange = exchange;
    this.#upstream = upstream;
    this.head = request;
    this.hasBody = exchange.hasBody;
    this.headTimeoutMs = timeouts.headMs;
    this.edits.clear();
    forwarded.fill(exchange, this.edits);
    exchange.source = this.#client;
    if (timeouts.requestMs > 0) {
      // A stage in front may have taken its time.
      const leftMs = exchange.startedAt + timeouts.requestMs - loop.now;
      loop.deadlines.arm(this.#deadline, REQUEST, Math.max(1, leftMs));
    }
    const call = upstream.request(this, this);
    // It may have failed at once: then the call is not ours any more.
    if (this.#use !== use) return "done";
    this.#call = call;
    this.head = NO_HEAD;
    exchange.notes.backend = upstream.backend;
    if (this.hasBody) exchange.readBody(this.#client);
    return "wait";
  }

  // --- from the client ---

  /** False asks for a pause. */
  sendBody(slab: Slab, start: number, end: number): boolean {
    return this.#call === undefined || this.#call.write(slab, start, end);
  }

  endBody(trailers: Message | undefined): void {
    this.#call?.end(trailers);
  }

  resumeResponse(): void {
    this.#call?.resume();
  }

  /** The client has gone. */
  abandon(): void {
    const call = this.#call;
    this.#release();
    call?.cancel();
  }

  // --- from the backend ---

  /** Our own 100 has been sent when the body was asked for; a backend is never asked for one. */
  onInform(_call: UpstreamCall, head: Message): void {
    if (head.status !== 100) this.#exchange?.inform(head.status, head);
  }

  onResponse(call: UpstreamCall, head: Message): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.#noteAnswer(exchange, call);
    exchange.respond(head, RESPONSE_EDITS);
    if (this.#exchange !== exchange || !exchange.ended) return;
    // A response without content is over for the client with its head; the backend's end of it is still to come.
    if (head.body === BODY.none) this.#letGoOfClient(exchange);
    else this.abandon();
  }

  onBody(_call: UpstreamCall, slab: Slab, start: number, end: number): boolean {
    const exchange = this.#exchange;
    if (exchange === undefined) return true;
    const isTaken = exchange.write(slab, start, end);
    // The exchange cut itself: the body was not what the head had told.
    if (exchange.ended && this.#exchange === exchange) this.abandon();
    return isTaken;
  }

  onBodyEnd(_call: UpstreamCall, trailers: Message | undefined): void {
    const exchange = this.#release();
    exchange?.end(trailers);
  }

  onDrain(): void {
    this.#exchange?.resumeBody();
  }

  onUpgrade(call: UpstreamCall, head: Message, stream: Stream, rest: Uint8Array): void {
    const { tunnelIdleMs } = this.#services;
    if (this.#exchange !== undefined) this.#noteAnswer(this.#exchange, call);
    const exchange = this.#release();
    const upgraded = exchange?.upgrade(head, RESPONSE_EDITS);
    if (upgraded !== undefined) {
      joinStreams(upgraded, { stream, rest }, tunnelIdleMs);
      return;
    }
    stream.abort("error");
    exchange?.fail(502, "upstreamFailed", "the client's connection cannot be upgraded");
  }

  onFail(_call: UpstreamCall, error: UpstreamError): void {
    const upstream = this.#upstream;
    const exchange = this.#release();
    if (exchange === undefined) return;
    exchange.notes.backend ||= upstream === undefined ? "" : upstream.backend;
    exchange.notes.endpoint = error.endpoint;
    exchange.notes.retries = error.retries;
    exchange.fail(STATUS_OF[error.source], abortReason(error.source), `${error.source}: ${error.detail}`);
  }

  /** The request has taken too long as a whole. */
  onDue(): void {
    const call = this.#call;
    const exchange = this.#release();
    call?.cancel();
    exchange?.fail(504, "upstreamTimeout", "timeout: no complete response in time");
  }

  #noteAnswer(exchange: Exchange, call: UpstreamCall): void {
    exchange.notes.endpoint = call.endpoint;
    exchange.notes.retries = call.retries;
    exchange.notes.upstreamMs = this.#services.loop.now - exchange.startedAt;
  }

  #letGoOfClient(exchange: Exchange): void {
    exchange.source = undefined;
    exchange.letGo();
    this.#exchange = undefined;
    this.#services.loop.deadlines.disarm(this.#deadline);
  }

  /** Ends this use of the relay. The exchange that it was for, undefined when that had ended before. */
  #release(): Exchange | undefined {
    const exchange = this.#exchange;
    if (exchange !== undefined) this.#letGoOfClient(exchange);
    this.#use++;
    this.#call = undefined;
    this.#upstream = undefined;
    this.head = NO_HEAD;
    const { spare } = this.#services;
    if (spare.length < SPARE_RELAYS) spare.push(this);
    return exchange;
  }
}

/** The relay as the exchange sees it: both sides have callbacks of the same names. */
class ClientSide implements BodySink, ResponseSource {
  readonly #relay: Relay;

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  onBody(_exchange: Exchange, slab: Slab, start: number, end: number): boolean {
    return this.#relay.sendBody(slab, start, end);
  }

  onBodyEnd(_exchange: Exchange, trailers: Message | undefined): void {
    this.#relay.endBody(trailers);
  }

  onDrain(): void {
    this.#relay.resumeResponse();
  }

  onAbort(): void {
    this.#relay.abandon();
  }
}

function abortReason(source: UpstreamErrorSource): AbortReason {
  if (source === "timeout") return "upstreamTimeout";
  return source === "limit" ? "overloaded" : "upstreamFailed";
}

/**
 * Whether the client asks to go on with HTTP/2 (h2c, obsolete since RFC 9113): behind such an upgrade no route, filter or
 * log would see a request any more.
 */
function offersHttp2(request: Message): boolean {
  for (let i = request.find(FIELD.upgrade); i >= 0; i = request.find(FIELD.upgrade, i + 1)) {
    if (request.value(i).toLowerCase().includes("h2c")) return true;
  }
  return request.hasField(FIELD["http2-settings"]);
}
