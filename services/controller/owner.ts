/** What all that is made in our namespace goes with: the chart's Deployment of the controller. */
import { isRecord } from "#src/kube/object.ts";
import { describeReply, type KubeClient, type KubeReply } from "#src/kube/request.ts";
import type { Logger } from "#src/process/logger.ts";
import type { OwnerReference } from "#src/translate/kube-object.ts";

export interface OwnerOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly namespace: string;
  readonly onKnown: () => void;
}

const DEPLOYMENT = "fairway-controller";
const TIMEOUT_MS = 5000;
const RETRY_MS = 1000;

/** Asked for until the API server answers: what is written without an owner would outlive it. */
export class Owner implements Disposable {
  readonly #options: OwnerOptions;
  #known: { readonly reference: OwnerReference | undefined } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failure: string | undefined;
  #isClosed = false;

  /** Begins at once. */
  constructor(options: OwnerOptions) {
    this.#options = options;
    void this.#ask();
  }

  /** Undefined: the API server has not said yet. */
  get known(): { readonly reference: OwnerReference | undefined } | undefined {
    return this.#known;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    const { client, log, namespace, onKnown } = this.#options;
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${DEPLOYMENT}`;
    const reply = await client.request({ method: "GET", path, timeoutMs: TIMEOUT_MS });
    if (this.#isClosed) return;
    const reference = read(reply);
    if (reference === undefined && reply.status !== 404) {
      const reason = describeReply(reply);
      if (reason !== this.#failure)
        log.warn("nothing is made before it is known what it goes with", { deployment: DEPLOYMENT, reason });
      this.#failure = reason;
      this.#timer = setTimeout(() => void this.#ask(), RETRY_MS);
      return;
    }
    if (reference === undefined)
      log.warn("there is no Deployment that what is made here goes with", {
        deployment: `${namespace}/${DEPLOYMENT}`,
        reason: describeReply(reply),
      });
    this.#known = { reference };
    onKnown();
  }
}

function read(reply: KubeReply): OwnerReference | undefined {
  const metadata = reply.status === 200 && isRecord(reply.body) ? reply.body["metadata"] : undefined;
  if (!isRecord(metadata) || typeof metadata["uid"] !== "string") return undefined;
  return { apiVersion: "apps/v1", kind: "Deployment", name: DEPLOYMENT, uid: metadata["uid"] };
}
