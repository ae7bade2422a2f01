/**
 * The Secret of the config stream: the certificates that its servers show, and the keys by which pods' tokens are
 * verified. The leader keeps it up to date; every replica reads it, from the API server and, when that is away, from the
 * folder where the kubelet has put it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type RenewedSecret, renewStreamSecret } from "#src/config/stream/authority.ts";
import type { KubeWriter } from "#src/kube/apply.ts";
import { isRecord, type KubeKind, objectPath } from "#src/kube/object.ts";
import { describeReply, type KubeClient } from "#src/kube/request.ts";
import type { Logger } from "#src/process/logger.ts";

export type SecretData = Readonly<Record<string, string>>;

export interface StreamSecretOptions {
  readonly client: KubeClient;
  readonly writer: KubeWriter;
  readonly log: Logger;
  readonly namespace: string;
  /** That clients verify. */
  readonly names: readonly string[];
  readonly isLeading: () => boolean;
  /** What the Secret says now, each time it says something else. */
  readonly onChange: (data: SecretData) => void;
}

export const STREAM_SECRET = "fairway-stream";
/** Keys of the API server's that sign service account tokens (RFC 7517), and who it says it is, beside the certificates. */
export const TOKEN_KEYS = "jwks.json";
export const TOKEN_ISSUER = "issuer";

const SECRET: KubeKind = { group: "", versions: ["v1"], kind: "Secret", plural: "secrets", scope: "Namespaced" };
const FILES = ["tls.crt", "tls.key", "ca.crt", TOKEN_KEYS, TOKEN_ISSUER];
/** How often it is looked at, and how often while something is missing. */
const LOOK_MS = 30_000;
const WAIT_MS = 1000;
const TIMEOUT_MS = 5000;

export class StreamSecret implements Disposable {
  readonly #options: StreamSecretOptions;
  #data: SecretData = {};
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #isClosed = false;
  #failure: string | undefined;

  constructor(options: StreamSecretOptions) {
    this.#options = options;
  }

  /** With all that serving needs. */
  get isComplete(): boolean {
    return FILES.every((name) => this.#data[name] !== undefined);
  }

  /** From files, as far as they are there; then from the API server, again and again. */
  start(folder: string): void {
    if (folder !== "") this.#take(readFolder(folder));
    void this.look();
  }

  /** At once, as when the leader has changed. */
  async look(): Promise<void> {
    if (this.#isLooking || this.#isClosed) return;
    this.#isLooking = true;
    clearTimeout(this.#timer);
    const failure = await this.#read();
    if (failure !== this.#failure && failure !== undefined) {
      this.#options.log.warn("the stream's certificates cannot be read", { reason: failure });
    }
    this.#failure = failure;
    this.#isLooking = false;
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.look(), this.isComplete ? LOOK_MS : WAIT_MS);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** Why not, if so. */
  async #read(): Promise<string | undefined> {
    const { client, namespace, isLeading } = this.#options;
    const path = objectPath(SECRET, { namespace, name: STREAM_SECRET });
    const reply = await client.request({ method: "GET", path, timeoutMs: TIMEOUT_MS });
    if (reply.status === 404 && isLeading()) return this.#renew({}, undefined);
    if (reply.status !== 200 || !isRecord(reply.body)) return describeReply(reply);
    const data = decode(reply.body["data"]);
    if (isLeading()) return this.#renew(data, versionOf(reply.body));
    this.#take(data);
    return undefined;
  }

  /** `version` is that of the Secret that says so; undefined: there is none. */
  async #renew(current: SecretData, version: string | undefined): Promise<string | undefined> {
    const { log } = this.#options;
    const renewed = this.#renewed(current);
    const keys = await this.#tokenKeys();
    const next: SecretData = { ...current, ...renewed.data, ...(typeof keys === "string" ? {} : keys) };
    const isSame = version !== undefined && Object.entries(next).every(([name, text]) => current[name] === text);
    if (!isSame) {
      const failure = await this.#write(next, version);
      if (failure !== undefined) return failure;
      if (renewed.change !== undefined) log.info("the stream's certificates were renewed", { change: renewed.change });
    }
    this.#take(next);
    return typeof keys === "string" ? keys : undefined;
  }

  /** When the Secret has lost them: from those that it had, which data planes believe, if they are known here. */
  #renewed(current: SecretData): Pick<RenewedSecret, "data"> & { readonly change: string | undefined } {
    const options = { names: this.#options.names, now: new Date() };
    const renewed = renewStreamSecret(Object.keys(current).length === 0 ? undefined : current, options);
    if (renewed.change !== "created" && renewed.change !== "damaged") return renewed;
    const restored = renewStreamSecret(this.#data, options);
    return restored.change === "damaged" ? renewed : { ...restored, change: "restored" };
  }

  /** What the API server says of its tokens, or why it does not. */
  async #tokenKeys(): Promise<SecretData | string> {
    const { client } = this.#options;
    const [discovery, keys] = await Promise.all([
      client.request({ method: "GET", path: "/.well-known/openid-configuration", timeoutMs: TIMEOUT_MS }),
      client.request({ method: "GET", path: "/openid/v1/jwks", timeoutMs: TIMEOUT_MS }),
    ]);
    if (discovery.status !== 200 || !isRecord(discovery.body)) return describeReply(discovery);
    const { issuer } = discovery.body;
    // It has a media type of its own, so it may come as text.
    const text =
      keys.status !== 200 ? undefined : typeof keys.body === "string" ? keys.body : JSON.stringify(keys.body);
    if (typeof issuer !== "string" || text === undefined) return describeReply(keys);
    return { [TOKEN_ISSUER]: issuer, [TOKEN_KEYS]: text };
  }

  /** One that has changed since is not overwritten: another leader may have begun an authority. */
  async #write(data: SecretData, version: string | undefined): Promise<string | undefined> {
    const { writer, namespace } = this.#options;
    const metadata = { name: STREAM_SECRET, namespace, ...(version !== undefined && { resourceVersion: version }) };
    const encoded = Object.fromEntries(
      Object.entries(data).map(([name, text]) => [name, Buffer.from(text).toString("base64")]),
    );
    const outcome = await writer.apply(SECRET, { metadata, data: encoded });
    if (outcome.outcome === "written") return undefined;
    return outcome.outcome === "fenced" ? "not leading any more" : outcome.reason;
  }

  #take(data: SecretData): void {
    const next = { ...this.#data, ...data };
    const isSame = Object.entries(next).every(([name, text]) => this.#data[name] === text);
    if (isSame) return;
    this.#data = next;
    this.#options.onChange(next);
  }
}

function versionOf({ metadata }: Readonly<Record<string, unknown>>): string | undefined {
  const version = isRecord(metadata) ? metadata["resourceVersion"] : undefined;
  return typeof version === "string" ? version : undefined;
}

function decode(data: unknown): SecretData {
  if (!isRecord(data)) return {};
  return Object.fromEntries(
    Object.entries(data).map(([name, text]) => [name, Buffer.from(String(text), "base64").toString()]),
  );
}

function readFolder(folder: string): SecretData {
  const found: Record<string, string> = {};
  for (const name of FILES) {
    try {
      found[name] = readFileSync(join(folder, name), "utf8");
    } catch {
      // Not there yet: the API server has it, or nobody.
    }
  }
  return found;
}
