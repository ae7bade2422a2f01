/** One replica of a controller, as far as the config stream sees it: a server behind the TLS listener. */
import type { Entry } from "#src/config/model.ts";
import type { StreamSecret } from "#src/config/stream/authority.ts";
import { type Refusal, StreamListener, type StreamLimits } from "#src/config/stream/listener.ts";
import { ConfigServer } from "#src/config/stream/server.ts";
import { TokenVerifier } from "#src/config/stream/token-verifier.ts";
import type { TokenIssuer } from "./token-issuer.ts";

export interface StreamControllerOptions {
  readonly host: string;
  readonly secret: StreamSecret;
  readonly issuer: TokenIssuer;
  /** By plane, which is the service account's name. Default: everything to everyone. */
  readonly select?: (plane: string) => ((entry: Entry) => boolean) | undefined;
  readonly limits?: Partial<StreamLimits>;
}

export class StreamController implements AsyncDisposable {
  readonly host: string;
  readonly server: ConfigServer;
  readonly verifier = new TokenVerifier();
  readonly listener: StreamListener;
  readonly refused: Refusal[] = [];
  port = 0;

  constructor({ host, secret, issuer, select = () => everything, limits = {} }: StreamControllerOptions) {
    this.host = host;
    this.server = new ConfigServer({ select });
    this.verifier.setKeys(issuer.jwks, issuer.issuer);
    this.listener = new StreamListener({
      serverOf: () => this.server,
      verifier: this.verifier,
      planeOf: ({ namespace, serviceAccount }) => (namespace === "fairway-system" ? serviceAccount : undefined),
      certificate: secret,
      onRefused: (refusal) => void this.refused.push(refusal),
      limits,
    });
  }

  /** Port 0: a free one. */
  async start(port = 0): Promise<this> {
    this.port = await this.listener.listen(this.host, port);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.listener[Symbol.asyncDispose]();
  }
}

const everything = (): boolean => true;
