/** The backends of a data process: one pool of endpoints each, and for HTTP one pool of connections, kept over changes. */
import { BackendPool, type HealthView } from "#src/balance/pool.ts";
import type { BackendConfig, Engine } from "#src/config/model.ts";
import type { ConfigUpdate, Rejection } from "#src/config/stream/update.ts";
import { targetKey } from "#src/health/target.ts";
import { HttpUpstreamPool } from "#src/http/upstream/http-upstream-pool.ts";
import { type Connect, DEFAULT_UPSTREAM_LIMITS } from "#src/http/upstream/options.ts";
import { UpstreamServices } from "#src/http/upstream/services.ts";
import { tcpConnect, tlsConnect } from "#src/http/upstream/tcp-connect.ts";
import type { UpstreamPool } from "#src/http/upstream.ts";
import type { HealthBits } from "#src/memory/health-bits.ts";
import { PartList } from "#src/reactor/parts.ts";
import type { Tcp } from "#src/reactor/tcp.ts";
import type { Tls } from "#src/reactor/tls/tls.ts";
import { createTlsClient, type TlsClient } from "#src/reactor/tls/tls-client.ts";
import { ownOptions } from "./own-options.ts";

interface Backend {
  readonly pool: BackendPool;
  readonly upstream: HttpUpstreamPool;
  readonly tls: TlsClient | undefined;
}

export interface BackendsOptions {
  readonly engine: Engine;
  readonly tcp: Tcp;
  readonly tls: Tls;
  readonly health: HealthBits;
}

const HANDSHAKE_MS = 5_000;

export class Backends implements Disposable {
  readonly #options: BackendsOptions;
  readonly #backends = new Map<string, Backend>();
  readonly #services: UpstreamServices;
  readonly #healthView: HealthView;
  #connectMs = DEFAULT_UPSTREAM_LIMITS.connectMs;
  #idleMs = DEFAULT_UPSTREAM_LIMITS.idleMs;

  constructor(options: BackendsOptions) {
    this.#options = options;
    const { health, tcp } = options;
    this.#services = new UpstreamServices(tcp.poller, new PartList());
    this.#healthView = {
      targetOf: (backend, endpoint) => {
        const key = targetKey(endpoint, backend.health);
        return key === "" ? -1 : health.claim(key);
      },
      isHealthy: (word) => health.isHealthy(word),
    };
  }

  poolOf(key: string): BackendPool | undefined {
    return this.#backends.get(key)?.pool;
  }

  upstreamOf(key: string): UpstreamPool | undefined {
    return this.#backends.get(key)?.upstream;
  }

  /** HTTP connections of all backends now. */
  get connections(): readonly [active: number, idle: number] {
    let [active, idle] = [0, 0];
    for (const { upstream } of this.#backends.values()) {
      const [busy, free] = upstream.connections;
      active += busy;
      idle += free;
    }
    return [active, idle];
  }

  apply({ upsert, entries }: ConfigUpdate): Rejection[] {
    const rejected: Rejection[] = [];
    const plane = ownOptions(this.#options.engine, entries);
    if (plane !== undefined) {
      this.#connectMs = plane.upstreamConnectTimeoutMs;
      this.#idleMs = plane.upstreamIdleTimeoutMs;
    }
    for (const { key, version, value } of upsert) {
      if (value.kind !== "backend") continue;
      const reason = this.#put(key, value);
      if (reason !== undefined) rejected.push({ key, version, reason });
    }
    for (const [key, backend] of this.#backends) {
      if (entries.has(key)) continue;
      this.#backends.delete(key);
      this.#end(backend);
    }
    return rejected;
  }

  [Symbol.dispose](): void {
    for (const backend of this.#backends.values()) this.#end(backend);
    this.#backends.clear();
  }

  #put(key: string, config: BackendConfig): string | undefined {
    const before = this.#backends.get(key);
    if (before !== undefined && sameTls(before.pool.config, config)) {
      before.pool.update(config);
      return undefined;
    }
    const tls = config.tls === undefined ? undefined : this.#client(config.tls.caPem);
    if (tls !== undefined && "reason" in tls) return tls.reason;
    const { tcp } = this.#options;
    const pool = new BackendPool(config, { clock: tcp.poller, health: this.#healthView, random: Math.random });
    const connect = this.#connect(config, tls);
    const limits = { ...DEFAULT_UPSTREAM_LIMITS, connectMs: this.#connectMs, idleMs: this.#idleMs };
    const upstream = new HttpUpstreamPool(pool, connect, this.#services, limits);
    this.#backends.set(key, { pool, upstream, tls });
    if (before !== undefined) this.#end(before);
    return undefined;
  }

  #connect({ tls }: BackendConfig, client: TlsClient | undefined): Connect {
    const { tcp } = this.#options;
    return client === undefined || tls === undefined ? tcpConnect(tcp) : tlsConnect(tcp, client, tls.serverName);
  }

  #client(caPem: string): TlsClient | { readonly reason: string } {
    return createTlsClient(this.#options.tls, {
      authorities: caPem === "" ? "system" : { pem: caPem },
      alpn: ["http/1.1"],
      handshakeMs: HANDSHAKE_MS,
    });
  }

  #end({ upstream, tls }: Backend): void {
    this.#options.tcp.poller.run(() => upstream[Symbol.dispose]());
    tls?.[Symbol.dispose]();
  }
}

const sameTls = (a: BackendConfig, b: BackendConfig): boolean =>
  a.tls?.serverName === b.tls?.serverName && a.tls?.caPem === b.tls?.caPem;
