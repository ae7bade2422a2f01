/**
 * A backend at run time: its endpoints with their health, readiness, ejection and load, and the choice among them. HTTP,
 * TCP and UDP choose from the same pool, so what one of them learns about an endpoint counts for all.
 */
import type { BackendConfig, EndpointConfig } from "#src/config/model.ts";
import { compileSelector } from "./select/compile.ts";
import { NONE, type Algorithm, type Available, type Random, type Selector } from "./select/selector.ts";
import { Endpoint, endpointText } from "./endpoint.ts";

/** What active probes know. */
export interface HealthView {
  /** Number of the health word of an endpoint of this very configuration, -1 when it is not probed. */
  targetOf(backend: BackendConfig, endpoint: EndpointConfig): number;
  isHealthy(target: number): boolean;
}

export interface PoolServices {
  /** Milliseconds of the reactor's clock. */
  readonly clock: { readonly now: number };
  readonly health: HealthView;
  readonly random: Random;
}

/** Passive marking: what a row of failures in real traffic does. */
export interface EjectionPolicy {
  /** Consecutive failures that eject. */
  readonly failures: number;
  /** First ejection; each further one without a success between doubles it. */
  readonly baseMs: number;
  readonly maxMs: number;
}

export const DEFAULT_EJECTION: EjectionPolicy = { failures: 3, baseMs: 5_000, maxMs: 60_000 };

export interface BackendPoolOptions {
  readonly algorithm?: Algorithm;
  readonly ejection?: EjectionPolicy;
}

/** Told when an endpoint has left the configuration: pooled connections to it are closed. */
export type EndpointGone = (endpoint: Endpoint) => void;

const NOBODY: readonly Endpoint[] = [];

export class BackendPool {
  #config: BackendConfig;
  #endpoints: Endpoint[] = [];
  readonly #services: PoolServices;
  readonly #algorithm: Algorithm;
  readonly #ejection: EjectionPolicy;
  #selector: Selector;
  /** By key, compiled when the first request with a key comes. */
  #affine: Selector | undefined = undefined;
  #tried: readonly Endpoint[] = NOBODY;
  readonly #watchers = new Set<EndpointGone>();
  readonly #isUsable: Available;
  readonly #isUsableInPanic: Available;

  constructor(config: BackendConfig, services: PoolServices, options: BackendPoolOptions = {}) {
    this.#config = config;
    this.#services = services;
    this.#algorithm = options.algorithm ?? "roundRobin";
    this.#ejection = options.ejection ?? DEFAULT_EJECTION;
    this.#isUsableInPanic = (index) => {
      const endpoint = this.#endpoints[index]!;
      return endpoint.ready && !this.#tried.includes(endpoint);
    };
    this.#isUsable = (index) => this.#isUsableInPanic(index) && this.isHealthy(this.#endpoints[index]!);
    this.#selector = this.#compile(this.#algorithm);
    this.update(config);
  }

  get config(): BackendConfig {
    return this.#config;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /**
   * The endpoint for the next request, not one of `tried`. With a key other than 0 the same key finds the same endpoint.
   * When every ready endpoint is unhealthy or ejected all of them are used: wrong verdicts must not make an outage whole.
   * Undefined when none is ready.
   */
  pick(key: number, tried: readonly Endpoint[] = NOBODY): Endpoint | undefined {
    this.#tried = tried;
    const selector = key === 0 ? this.#selector : (this.#affine ??= this.#compile("maglev"));
    const random = this.#services.random;
    let index = selector.pick(key, this.#isUsable, random);
    if (index === NONE) index = selector.pick(key, this.#isUsableInPanic, random);
    this.#tried = NOBODY;
    return index === NONE ? undefined : this.#endpoints[index]!;
  }

  /** By active probes and by passive marking. */
  isHealthy(endpoint: Endpoint): boolean {
    if (endpoint.ejectedUntil > this.#services.clock.now) return false;
    return endpoint.target < 0 || this.#services.health.isHealthy(endpoint.target);
  }

  /** The endpoint has done what was asked: connected, answered. */
  succeeded(endpoint: Endpoint): void {
    endpoint.failures = 0;
    endpoint.ejections = 0;
  }

  /** It refused, did not answer in time, or broke off before answering. True when that ejected it. */
  failed(endpoint: Endpoint): boolean {
    endpoint.failures++;
    const { failures, baseMs, maxMs } = this.#ejection;
    const now = this.#services.clock.now;
    if (endpoint.failures < failures || endpoint.ejectedUntil > now) return false;
    endpoint.ejectedUntil = now + Math.min(maxMs, baseMs * 2 ** Math.min(endpoint.ejections, 16));
    endpoint.ejections++;
    // One more failure after its return ejects again, one success forgives all.
    endpoint.failures = failures - 1;
    return true;
  }

  /** Takes another configuration over. Endpoints that stay keep their state. */
  update(config: BackendConfig): void {
    const before = new Map(this.#endpoints.map((endpoint) => [endpoint.text, endpoint]));
    this.#config = config;
    this.#endpoints = [];
    for (const wanted of config.endpoints) {
      const text = endpointText(wanted);
      if (this.#endpoints.some((other) => other.text === text)) continue;
      const endpoint = before.get(text) ?? new Endpoint(wanted);
      before.delete(text);
      endpoint.weight = wanted.weight;
      endpoint.ready = wanted.ready;
      endpoint.target = this.#services.health.targetOf(config, wanted);
      this.#endpoints.push(endpoint);
    }
    this.#selector = this.#compile(this.#algorithm);
    this.#affine = undefined;
    for (const gone of before.values()) for (const watcher of this.#watchers) watcher(gone);
  }

  /** Calls `watcher` for each endpoint that leaves from now on. */
  onGone(watcher: EndpointGone): void {
    this.#watchers.add(watcher);
  }

  #compile(algorithm: Algorithm): Selector {
    const endpoints = this.#endpoints;
    return compileSelector({
      algorithm,
      names: endpoints.map((endpoint) => endpoint.text),
      weights: endpoints.map((endpoint) => endpoint.weight),
      load: (index) => endpoints[index]!.inFlight,
    });
  }
}
