/** Writes: each says which version of the world it is about, and none is sent while another may be leader. */
import { apiVersionOf } from "#src/resource/kind.ts";
import { type KubeKind, type ObjectPlace, objectPath } from "./object.ts";
import type { KubeClient, KubeRequest } from "./request.ts";
import { type WriteOutcome, writeOutcomeOf } from "./write-outcome.ts";

export interface KubeWriterOptions {
  readonly client: KubeClient;
  /** Under which the API server remembers our fields. */
  readonly fieldManager: string;
  /** Asked before each write; false: it is not sent. */
  readonly mayWrite: () => boolean;
  /** Within which a write ends, here and at the server. Default 4,000: less than what lies between the end of
   * `mayWrite` and the earliest time at which another leader writes. */
  readonly timeoutMs?: number;
}

/** The very object, and the version of it, that a write is about. */
export interface WriteTarget extends ObjectPlace {
  readonly uid: string;
  readonly resourceVersion: string;
}

/** An object as it shall be: what is not in it is left to others. */
export interface AppliedObject {
  readonly metadata: {
    readonly name: string;
    /** Absent for kinds of the cluster. */
    readonly namespace?: string;
    /** When given, only that object is changed, and none made. */
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface ApplyOptions {
  /** Takes fields over from other managers; without it such a field is a conflict. Default true. */
  readonly force?: boolean;
}

export interface DeleteOptions {
  /** Default `Background`. */
  readonly propagation?: "Background" | "Foreground" | "Orphan";
}

const TIMEOUT_MS = 4000;
const APPLY = "application/apply-patch+yaml";
const MERGE_PATCH = "application/merge-patch+json";
const JSON_TYPE = "application/json";

export class KubeWriter {
  readonly #client: KubeClient;
  readonly #fieldManager: string;
  readonly #mayWrite: () => boolean;
  readonly #timeoutMs: number;

  constructor({ client, fieldManager, mayWrite, timeoutMs = TIMEOUT_MS }: KubeWriterOptions) {
    this.#client = client;
    this.#fieldManager = fieldManager;
    this.#mayWrite = mayWrite;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Server-side apply: makes the object, or changes what differs; fields of ours that are not in it any more go. JSON is
   * YAML, so it is sent as it is.
   */
  apply(kind: KubeKind, object: AppliedObject, { force = true }: ApplyOptions = {}): Promise<WriteOutcome> {
    const { name, namespace = "" } = object.metadata;
    return this.#write({
      method: "PATCH",
      path: objectPath(kind, { namespace, name }),
      query: { fieldManager: this.#fieldManager, force },
      body: { type: APPLY, value: { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind } },
    });
  }

  /** Replaces what `status` names in the object's status (RFC 7396: null removes, a list is replaced as a whole). */
  patchStatus(kind: KubeKind, target: WriteTarget, status: Readonly<Record<string, unknown>>): Promise<WriteOutcome> {
    const { uid, resourceVersion } = target;
    return this.#write({
      method: "PATCH",
      path: objectPath(kind, target, "status"),
      query: { fieldManager: this.#fieldManager },
      body: { type: MERGE_PATCH, value: { metadata: { uid, resourceVersion }, status } },
    });
  }

  /** Deletes that object and no later one of its name; `resourceVersion` may be left out. */
  remove(
    kind: KubeKind,
    target: ObjectPlace & Pick<WriteTarget, "uid"> & Partial<WriteTarget>,
    { propagation = "Background" }: DeleteOptions = {},
  ): Promise<WriteOutcome> {
    const { uid, resourceVersion } = target;
    const preconditions = { uid, ...(resourceVersion !== undefined && { resourceVersion }) };
    const value = { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: propagation, preconditions };
    return this.#write({ method: "DELETE", path: objectPath(kind, target), body: { type: JSON_TYPE, value } });
  }

  async #write(request: KubeRequest): Promise<WriteOutcome> {
    if (!this.#mayWrite()) return { outcome: "fenced" };
    const timeout = `${Math.ceil(this.#timeoutMs / 1000)}s`;
    const query = { ...request.query, timeout };
    return writeOutcomeOf(await this.#client.request({ ...request, query, timeoutMs: this.#timeoutMs }));
  }
}
