/** A TCPRoute or UDPRoute ready for use: the choice among its weighted backends. */
import type { L4RouteConfig, WeightedBackend } from "#src/config/model.ts";
import type { BackendPool } from "../pool.ts";
import { compileSelector } from "../select/compile.ts";
import { NONE, type Random, type Selector } from "../select/selector.ts";

/** The pool of a backend entry's key, undefined when there is none. */
export type PoolOf = (backendKey: string) => BackendPool | undefined;

export class L4Route {
  readonly id: string;
  readonly pools: readonly (BackendPool | undefined)[];
  readonly #backends: readonly WeightedBackend[];
  readonly #selector: Selector;
  readonly #random: Random;

  constructor(config: L4RouteConfig, poolOf: PoolOf, random: Random = Math.random) {
    this.id = config.id;
    this.#backends = config.backends;
    this.pools = config.backends.map(({ backend }) => (backend === "" ? undefined : poolOf(backend)));
    this.#random = random;
    this.#selector = compileSelector({
      // By turns for connections; a datagram's sender must find the same backend in every process.
      algorithm: config.protocol === "TCP" ? "roundRobin" : "maglev",
      names: config.backends.map(({ backend }) => backend),
      weights: config.backends.map(({ weight }) => weight),
      load: () => 0,
    });
  }

  /**
   * The pool that serves the next connection or, for UDP, the client with this hash. Undefined when there is no backend,
   * or the share of one that is not resolved has its turn: Gateway API gives that share to nobody else.
   */
  pick(key: number): BackendPool | undefined {
    const index = this.#selector.pick(key, always, this.#random);
    return index === NONE ? undefined : this.pools[index];
  }

  /** Whether this route is what `config` compiles to with the same pools: then turns go on where they are. */
  isSame(config: L4RouteConfig, poolOf: PoolOf): boolean {
    const { backends } = config;
    return (
      config.id === this.id &&
      backends.length === this.#backends.length &&
      backends.every(({ backend, weight }, index) => {
        const own = this.#backends[index]!;
        const pool = backend === "" ? undefined : poolOf(backend);
        return own.backend === backend && own.weight === weight && this.pools[index] === pool;
      })
    );
  }
}

const always = (): boolean => true;
