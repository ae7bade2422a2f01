/** What every data process that carries streams is built on: the poller, TCP and TLS, opened and closed together. */
import type { Logger } from "#src/process/logger.ts";
import { Poller } from "#src/reactor/poller.ts";
import { Tcp } from "#src/reactor/tcp.ts";
import { Tls } from "#src/reactor/tls/tls.ts";

export class Sockets implements AsyncDisposable {
  readonly poller: Poller;
  readonly tcp: Tcp;
  readonly tls: Tls;

  constructor(log: Logger) {
    this.poller = new Poller({ onFault: (error) => log.error("fault", { reason: reasonOf(error) }) });
    this.tcp = new Tcp(this.poller);
    this.tls = new Tls(this.poller);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.tcp[Symbol.dispose]();
    await this.poller[Symbol.asyncDispose]();
    this.tls[Symbol.dispose]();
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
