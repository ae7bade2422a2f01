/** A main's configuration from the controller's replicas: names, files and TLS around the client, and the snapshot beside it. */
import { readFileSync } from "node:fs";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import type { ConfigReaderOptions } from "#src/config/stream/reader.ts";
import { ReplicaClient } from "#src/config/stream/replica-client.ts";
import { trySnapshotFile, SnapshotFile } from "#src/config/stream/snapshot-file.ts";
import { hostPort } from "./admin.ts";
import type { ServersSource } from "./config-source.ts";
import type { Logger } from "./logger.ts";

export interface ReplicaSourceOptions extends ConfigReaderOptions {
  readonly name: string;
  readonly source: ServersSource;
  readonly log: Logger;
}

/** Many pods lose a server at once: they come back spread over this long. */
const RECONNECT = { firstMs: 200, maxMs: 10_000 };

export class ReplicaSource implements AsyncDisposable {
  readonly #options: ReplicaSourceOptions;
  readonly #client: ReplicaClient;
  readonly #file: SnapshotFile | undefined;
  /** Why nothing was taken from the snapshot. */
  readonly #snapshotFault: string | undefined;
  /** Where each address is, from the last look. */
  #servers: ReadonlyMap<string, { readonly host: string; readonly port: number }> = new Map();

  constructor(options: ReplicaSourceOptions) {
    const { name, source, log, apply, command } = options;
    const { snapshotFile } = source;
    this.#options = options;
    const kept = snapshotFile === "" ? undefined : trySnapshotFile(snapshotFile, name);
    const restored = kept === undefined || "fault" in kept ? undefined : kept;
    if (kept !== undefined && "fault" in kept) {
      this.#snapshotFault = kept.fault;
      log.info("no snapshot of the configuration", { file: snapshotFile, reason: kept.fault });
    }
    if (restored !== undefined) {
      const { digest, revision, entries } = restored;
      log.info("configuration from the snapshot", { file: snapshotFile, digest, revision, entries: entries.size });
    }
    if (snapshotFile !== "") {
      this.#file = new SnapshotFile({
        path: snapshotFile,
        owner: name,
        onFault: (reason) => log.warn("snapshot not written", { file: snapshotFile, reason }),
      });
    }
    this.#client = new ReplicaClient({
      name,
      apply,
      ...(command === undefined ? {} : { command }),
      restored,
      reconnect: RECONNECT,
      resolve: () => this.#resolve(),
      connect: (address) => this.#connect(address),
      token: () => readText(source.tokenFile).trim(),
      onConnected: (server) => log.info("config server connected", { server }),
      onDisconnected: (server, reason) =>
        log.warn("config server lost: the last configuration goes on", { server, reason }),
      onFollowing: (server) => log.info("configuration comes from", { server }),
      onChanged: (snapshot) => this.#file?.save(snapshot),
    });
  }

  get client(): ReplicaClient {
    return this.#client;
  }

  /** The service came up with it. */
  confirmSnapshot(): void {
    this.#file?.confirm();
  }

  /** Seconds since 1970; 0: not by this process. Undefined: none is kept. */
  get snapshotWrittenAt(): number | undefined {
    return this.#file === undefined ? undefined : this.#file.writtenAt / 1000;
  }

  /** Why there is no configuration. */
  get problem(): string {
    const snapshot = this.#snapshotFault === undefined ? "" : `; snapshot: ${this.#snapshotFault}`;
    return `no config server has given one: ${this.#client.problem}${snapshot}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
    await this.#file?.[Symbol.asyncDispose]();
  }

  /** All addresses of all servers. One name that cannot be resolved does not hide the others' addresses. */
  async #resolve(): Promise<readonly string[]> {
    const { servers } = this.#options.source;
    const found = new Map<string, { host: string; port: number }>();
    const faults: unknown[] = [];
    for (const { host, port } of servers) {
      try {
        for (const { address } of await lookup(host, { all: true })) {
          found.set(hostPort(address, port), { host: address, port });
        }
      } catch (error) {
        faults.push(error);
      }
    }
    if (found.size === 0) throw faults[0];
    this.#servers = new Map([...this.#servers, ...found]);
    return [...found.keys()];
  }

  #connect(address: string): TLSSocket {
    const { caFile, serverName } = this.#options.source;
    const server = this.#servers.get(address);
    if (server === undefined) throw new Error(`Cannot connect to ${address}: it is not known any more`);
    return connect({
      ...server,
      ca: readText(caFile),
      minVersion: "TLSv1.3",
      // An IP address is no server name (RFC 6066 section 3): the certificate is checked for the address itself.
      ...(isIP(serverName) > 0 ? {} : { servername: serverName }),
    });
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`Cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
