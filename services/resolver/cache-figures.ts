/** Brings the cache's own figures to the metrics, once a second: its hot path counts nothing. */
import type { AnswerCache } from "#src/dns/resolver/answer-cache.ts";
import type { Counter, Gauge } from "#src/metrics/declaration.ts";

const PERIOD_MS = 1_000;

export class CacheFigures implements Disposable {
  readonly #timer: NodeJS.Timeout;

  constructor(cache: AnswerCache, metrics: { readonly evictions: Counter; readonly cacheBytes: Gauge }) {
    let counted = 0;
    this.#timer = setInterval(() => {
      metrics.cacheBytes.set(0, cache.bytes);
      metrics.evictions.add(0, cache.evictions - counted);
      counted = cache.evictions;
    }, PERIOD_MS).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
