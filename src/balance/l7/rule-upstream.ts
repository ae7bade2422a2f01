/**
 * Where a rule's requests go, as one pool: changes the request as the rule's filters say and sends it to one of the
 * weighted backends. The relay and the edge's cache both send through it, and so ask for the same.
 */
import { FieldEdits } from "#src/http/field-edits.ts";
import { Message } from "#src/http/message.ts";
import type {
  UpstreamCall,
  UpstreamError,
  UpstreamPool,
  UpstreamReceiver,
  UpstreamRequest,
} from "#src/http/upstream.ts";
import { applyAfter } from "./edit-order.ts";
import { modifiedTarget, type CompiledPath } from "./path-modifier.ts";
import type { WeightedChoice } from "./weighted-choice.ts";

export interface RuleChanges {
  /** Of RequestHeaderModifier and of a rewrite's host name; undefined when there are none. */
  readonly edits: FieldEdits | undefined;
  readonly path: CompiledPath | undefined;
}

/** A changed request, filled anew for each: pools read it only within the call. */
export class ChangedRequest implements UpstreamRequest {
  head = new Message(0);
  readonly edits = new FieldEdits();
  hasBody = false;
  key = 0;
  headTimeoutMs = 0;
}

export class RuleUpstream implements UpstreamPool {
  /** Label of the backend that the last request went to, "" when to none: to be read right after `request`. */
  backend = "";
  readonly #choice: WeightedChoice;
  readonly #changes: RuleChanges;
  readonly #hasChanges: boolean;
  readonly #changed: ChangedRequest;

  constructor(choice: WeightedChoice, changes: RuleChanges, changed: ChangedRequest) {
    this.#choice = choice;
    this.#changes = changes;
    this.#changed = changed;
    this.#hasChanges = changes.edits !== undefined || changes.path !== undefined;
  }

  request(request: UpstreamRequest, receiver: UpstreamReceiver): UpstreamCall {
    const choice = this.#choice.next();
    this.backend = choice === undefined ? "" : choice.label;
    if (choice === undefined || choice.pool === undefined) {
      receiver.onFail(NO_CALL, choice === undefined ? NO_BACKEND : UNRESOLVED);
      return NO_CALL;
    }
    return choice.pool.request(this.#hasChanges ? this.#change(request) : request, receiver);
  }

  #change(request: UpstreamRequest): UpstreamRequest {
    const { edits, path } = this.#changes;
    const changed = this.#changed;
    changed.head = request.head;
    changed.hasBody = request.hasBody;
    changed.key = request.key;
    changed.headTimeoutMs = request.headTimeoutMs;
    changed.edits.clear();
    if (request.edits !== undefined) changed.edits.merge(request.edits);
    if (edits !== undefined) applyAfter(changed.edits, edits);
    if (path !== undefined) changed.edits.target = modifiedTarget(path, request.head) ?? changed.edits.target;
    return changed;
  }
}

const failed = (detail: string): UpstreamError => ({
  source: "noBackend",
  retryable: false,
  detail,
  endpoint: "",
  retries: 0,
});
const NO_BACKEND = failed("the rule has no backend");
const UNRESOLVED = failed("the backend is not resolved");

/** The call that has failed before it began. */
const NO_CALL: UpstreamCall = {
  endpoint: "",
  retries: 0,
  write: (_slab, _start, _end, held) => {
    held?.release();
    return true;
  },
  end: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
  cancel: () => undefined,
};
