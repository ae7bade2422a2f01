/**
 * One request on its way to a backend, and its response back: who asked, which endpoint and connection have it, what was
 * tried. A call ends with its receiver's last callback; one without a body then serves another request.
 */
import type { Endpoint } from "#src/balance/endpoint.ts";
import type { LateTask } from "#src/reactor/poller.ts";
import type { Slab } from "#src/reactor/slab.ts";
import type { Held } from "#src/reactor/stream.ts";
import { Deadline, type DeadlineOwner } from "#src/reactor/timer-wheel.ts";
import type { Message } from "../message.ts";
import { METHOD } from "../method.ts";
import type {
  UpstreamCall,
  UpstreamError,
  UpstreamErrorSource,
  UpstreamReceiver,
  UpstreamRequest,
} from "../upstream.ts";
import type { ClientConnection } from "./client-connection.ts";
import type { EndpointConnections } from "./endpoint-connections.ts";
import { LARGE_BODY, type UpstreamLimits } from "./options.ts";
import { RequestSender, type SendFault } from "./request-sender.ts";
import type { UpstreamServices } from "./services.ts";

/** What a call needs of its pool. */
export interface CallOwner {
  readonly limits: UpstreamLimits;
  onCancel(call: Call): void;
  /** The requester gave what cannot be sent. */
  onSendFault(call: Call, fault: SendFault): void;
  onPendingTooLong(call: Call): void;
}

/** RFC 9110 section 9.2.2: sending it twice is the same as once. */
const IDEMPOTENT = new Uint8Array(256);
for (const name of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"] as const) IDEMPOTENT[METHOD[name]] = 1;

export class Call implements UpstreamCall, DeadlineOwner, LateTask {
  readonly sender: RequestSender;
  /** Endpoints that have failed this request. */
  readonly tried: Endpoint[] = [];
  /** Armed while the call waits for a connection. */
  readonly deadline: Deadline = new Deadline(this);
  receiver: UpstreamReceiver;
  /** The endpoint's connections, while the call is counted there. */
  group: EndpointConnections | undefined = undefined;
  connection: ClientConnection | undefined = undefined;
  method = 0;
  key = 0;
  upgrade = false;
  hasBody = false;
  /** A byte of a response was seen. */
  answered = false;
  /** Set when a used connection turned out to be closed: the next attempt opens one. */
  wantsFresh = false;
  attempts = 0;
  isOver = true;
  /** When the response's head must be there, in the loop's milliseconds; 0 when nobody waits, or not yet. */
  headAt = 0;
  readonly #services: UpstreamServices;
  #owner: CallOwner;
  #headTimeoutMs = 0;
  #endpoint = "";
  /** Will be told at the batch's end. */
  #failure: UpstreamError | undefined = undefined;

  constructor(services: UpstreamServices, owner: CallOwner, receiver: UpstreamReceiver) {
    this.#services = services;
    this.#owner = owner;
    this.receiver = receiver;
    this.sender = new RequestSender(services);
  }

  /** A fault when the request cannot be sent. */
  begin(owner: CallOwner, request: UpstreamRequest, receiver: UpstreamReceiver): SendFault | undefined {
    const { head } = request;
    this.#owner = owner;
    this.receiver = receiver;
    this.group = this.connection = this.#failure = undefined;
    this.tried.length = 0;
    this.method = head.method;
    this.key = request.key;
    this.upgrade = head.upgrade;
    this.hasBody = request.hasBody;
    this.answered = this.wantsFresh = this.isOver = false;
    this.attempts = 0;
    this.#endpoint = "";
    this.#headTimeoutMs = request.headTimeoutMs;
    this.headAt = 0;
    if (!request.hasBody) this.#startHeadTime();
    return this.sender.begin(request, owner.limits);
  }

  get endpoint(): string {
    return this.#endpoint;
  }

  get retries(): number {
    return Math.max(0, this.attempts - 1);
  }

  // --- the requester's side ---

  write(slab: Slab, start: number, end: number, held?: Held): boolean {
    if (this.isOver || this.#failure !== undefined) {
      held?.release();
      return true;
    }
    const taken = this.sender.write(slab, start, end, held);
    if (typeof taken === "boolean") {
      if (!taken) this.connection?.requestBlocked();
      else if (this.sender.bodySent > LARGE_BODY) this.connection?.bePatient();
      return taken;
    }
    this.#owner.onSendFault(this, taken);
    return true;
  }

  end(trailers?: Message): void {
    if (this.isOver || this.#failure !== undefined || this.sender.ended) return;
    const fault = this.sender.end(trailers);
    if (fault !== undefined) {
      this.#owner.onSendFault(this, fault);
      return;
    }
    this.#startHeadTime();
    this.connection?.requestEnded();
  }

  pause(): void {
    if (!this.isOver) this.connection?.pause();
  }

  resume(): void {
    if (!this.isOver) this.connection?.resume();
  }

  cancel(): void {
    if (this.isOver) return;
    this.#failure = undefined;
    this.#owner.onCancel(this);
  }

  // --- the pool's side ---

  /** Counts the call where it goes next. */
  enter(group: EndpointConnections): void {
    this.group = group;
    this.#endpoint = group.endpoint.text;
    group.endpoint.inFlight++;
  }

  leave(): void {
    const { group } = this;
    if (group === undefined) return;
    if (this.deadline.at !== 0) this.#services.loop.deadlines.remove(this.deadline);
    group.forgetWaiting(this);
    group.endpoint.inFlight--;
    this.group = this.connection = undefined;
    this.sender.detach();
  }

  /**
   * Whether sending it again is the same as sending it once: nothing of a response was seen, and the backend cannot have
   * processed it (it got nothing, or a head whose body never came), or the method is idempotent.
   */
  isSafeToRepeat(wasSent: boolean): boolean {
    if (this.answered) return false;
    return !wasSent || IDEMPOTENT[this.method] === 1 || (!this.sender.ended && this.sender.bodySent === 0);
  }

  /** Bytes that had been waiting are gone. */
  drained(): void {
    if (!this.sender.blocked || this.isOver) return;
    this.sender.blocked = false;
    this.receiver.onDrain(this);
  }

  fail(source: UpstreamErrorSource, retryable: boolean, detail: string): void {
    this.isOver = true;
    this.receiver.onFail(this, this.#error(source, retryable, detail));
  }

  /** As `fail`, at the batch's end: for failures that are known while the requester is still calling us. */
  failLate(source: UpstreamErrorSource, retryable: boolean, detail: string): void {
    this.#failure = this.#error(source, retryable, detail);
    this.#services.loop.late(this);
  }

  /** At the batch's end: the failure is told, or a head goes out whose body has not come with it. */
  runLate(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) this.fail(failure.source, failure.retryable, failure.detail);
    else if (!this.isOver) this.sender.flushHead();
  }

  onDue(): void {
    this.#owner.onPendingTooLong(this);
  }

  #error(source: UpstreamErrorSource, retryable: boolean, detail: string): UpstreamError {
    return { source, retryable, detail, endpoint: this.#endpoint, retries: this.retries };
  }

  /** The head's time runs from the moment the request is complete: a slow client is no fault of the backend. */
  #startHeadTime(): void {
    if (this.#headTimeoutMs > 0) this.headAt = this.#services.loop.now + this.#headTimeoutMs;
  }
}
