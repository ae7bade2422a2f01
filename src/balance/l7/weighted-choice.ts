/** Smooth weighted round robin among a rule's backends: shares are exact over a round, and no backend comes in bursts. */
import type { WeightedBackend } from "#src/config/model.ts";
import type { UpstreamPool } from "#src/http/upstream.ts";

export interface BackendChoice {
  /** The metrics' label: BackendConfig.id. */
  readonly label: string;
  /** Undefined: the reference is not resolved, its share is answered with 500. */
  readonly pool: UpstreamPool | undefined;
}

interface Entry extends BackendChoice {
  readonly weight: number;
  current: number;
}

export class WeightedChoice {
  readonly #entries: Entry[] = [];
  readonly #total: number;

  constructor(backends: readonly WeightedBackend[], upstreamOf: (key: string) => UpstreamPool | undefined) {
    for (const { backend, weight } of backends) {
      if (weight <= 0) continue;
      const pool = backend === "" ? undefined : upstreamOf(backend);
      this.#entries.push({ label: labelOf(backend), pool, weight, current: 0 });
    }
    this.#total = this.#entries.reduce((sum, entry) => sum + entry.weight, 0);
  }

  /** Undefined when there is no backend with a weight. */
  next(): BackendChoice | undefined {
    const entries = this.#entries;
    if (entries.length === 1) return entries[0];
    let best: Entry | undefined = undefined;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      entry.current += entry.weight;
      if (best === undefined || entry.current > best.current) best = entry;
    }
    if (best !== undefined) best.current -= this.#total;
    return best;
  }
}

/** `NAMESPACE/NAME:PORT` of the key `backend/NAMESPACE/KIND/NAME/PORT`. */
function labelOf(key: string): string {
  const [, namespace = "", , name = "", port = "0"] = key.split("/");
  if (name === "") return "";
  return port === "0" ? `${namespace}/${name}` : `${namespace}/${name}:${port}`;
}
