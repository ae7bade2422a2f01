/** The config stream's listener, from when there are certificates and token keys; with what the Secret says, as far as that can be used. */
import { createSecureContext } from "node:tls";
import type { PodIdentity } from "#src/config/stream/identity.ts";
import { type StreamCertificate, StreamListener, type StreamListenerOptions } from "#src/config/stream/listener.ts";
import type { ConfigServer } from "#src/config/stream/server.ts";
import { TokenVerifier } from "#src/config/stream/token-verifier.ts";
import type { CollectedMetric, CollectedValue } from "#src/metrics/registry.ts";
import type { Logger } from "#src/process/logger.ts";
import { type SecretData, TOKEN_ISSUER, TOKEN_KEYS } from "./stream-secret.ts";

export interface StreamDoorOptions {
  readonly log: Logger;
  readonly server: ConfigServer;
  readonly planeOf: StreamListenerOptions["planeOf"];
  readonly address: string;
  readonly port: number;
}

const RETRY_MS = 1000;

export class StreamDoor implements AsyncDisposable {
  readonly #options: StreamDoorOptions;
  readonly #verifier = new TokenVerifier();
  #listener: StreamListener | undefined;
  #isOpen = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StreamDoorOptions) {
    this.#options = options;
  }

  /** Data planes can connect. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get metrics(): readonly CollectedMetric[] {
    return [
      {
        type: "counter",
        name: "fairway_config_stream_refusals_total",
        help: "Connections to the config stream that were not let in or not kept, by reason.",
        labels: ["reason"],
        collect: () => Array.from(this.#listener?.refusals ?? [], ([reason, value]) => ({ labels: { reason }, value })),
      },
      {
        type: "gauge",
        name: "fairway_config_stream_connections",
        help: "Connections to the config stream, those that have not shown a token yet included.",
        labels: [],
        collect: (): CollectedValue[] => [{ labels: {}, value: this.#listener?.connections ?? 0 }],
      },
    ];
  }

  /** The Secret says something else than before. Open connections go on. */
  use(data: SecretData): void {
    const { log } = this.#options;
    const { "tls.crt": cert, "tls.key": key, [TOKEN_KEYS]: keys, [TOKEN_ISSUER]: issuer } = data;
    if (keys !== undefined && issuer !== undefined) {
      const fault = this.#verifier.setKeys(parse(keys), issuer);
      if (fault !== undefined) log.error("the token keys cannot be used", { reason: fault });
    }
    if (cert === undefined || key === undefined || !this.#verifier.hasKeys) return;
    const fault = faultOf(cert, key);
    if (fault !== undefined) return log.error("the stream's certificate cannot be used", { reason: fault });
    const certificate = { "tls.crt": cert, "tls.key": key };
    if (this.#listener === undefined) void this.#open(certificate);
    else this.#listener.setCertificate(certificate);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await this.#listener?.[Symbol.asyncDispose]();
  }

  async #open(certificate: StreamCertificate): Promise<void> {
    const { log, server, planeOf, address, port } = this.#options;
    const listener = new StreamListener({
      serverOf: (_identity: PodIdentity) => server,
      verifier: this.#verifier,
      planeOf,
      certificate,
      onRefused: (refusal) => log.warn("a connection to the config stream was refused", { ...refusal }),
    });
    this.#listener = listener;
    try {
      const own = await listener.listen(address, port);
      this.#isOpen = true;
      log.info("config stream open", { address, port: own });
    } catch (error) {
      log.error("the config stream cannot listen", { address, port, reason: String(error) });
      this.#listener = undefined;
      this.#timer = setTimeout(() => void this.#open(certificate), RETRY_MS);
    }
  }
}

function parse(keys: string): unknown {
  try {
    return JSON.parse(keys);
  } catch {
    return undefined;
  }
}

/** As when the two are not of one pair. */
function faultOf(cert: string, key: string): string | undefined {
  try {
    createSecureContext({ cert, key });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
