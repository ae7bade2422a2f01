/** The cache's two halves as a service builds them: one in the main, which owns the memory, one in each data process. */
import { EPOLLIN } from "#src/reactor/layout.ts";
import type { Poller } from "#src/reactor/poller.ts";
import type { Segment } from "#src/memory/segment.ts";
import { Wake } from "#src/memory/wake.ts";
import { CacheProcess } from "./cache-process.ts";
import type { CacheCounters } from "./counters.ts";
import { CacheWriter, type EvictionReason } from "./store/cache-writer.ts";

const RECLAIM_MS = 250;
const MAX_GATHERED_BYTES = 256 * 1024 * 1024;

export interface CacheRuntimeOptions {
  readonly poller: Poller;
  readonly segment: Segment;
  readonly row: number;
  /** As in the data process's context. */
  readonly mainWakeFd: number;
  readonly wakeFd: number;
  readonly counters: CacheCounters;
}

export interface CacheRuntime extends Disposable {
  /** For `new CacheStage(process, route)`. */
  readonly process: CacheProcess;
}

/** In a data process. Stages that use it run in batches of this poller. */
export function makeCacheRuntime(options: CacheRuntimeOptions): CacheRuntime {
  const { poller, segment, row, mainWakeFd, wakeFd, counters } = options;
  const main = new Wake(mainWakeFd);
  // All that reads it runs within batches.
  let wall = Date.now();
  const process = new CacheProcess({
    loop: poller,
    segment,
    row,
    counters,
    wakeMain: () => main.signal(),
    wall: () => wall,
    maxGatheredBytes: MAX_GATHERED_BYTES,
  });
  const { reader } = process.reader;
  poller.atBatchStart(() => {
    wall = Date.now();
    reader.enter();
  });
  poller.atBatchEnd(() => reader.leave());
  const watch = watchWake(poller, wakeFd, () => process.lessee.onWake());
  return { process, [Symbol.dispose]: () => watch[Symbol.dispose]() };
}

export interface CacheMainOptions {
  readonly poller: Poller;
  readonly segment: Segment;
  /** As in the main's context: by row, its own first. */
  readonly wakeFds: readonly number[];
}

/** Figures for metrics; read when asked. */
export interface CacheFigures {
  readonly bytes: number;
  readonly objects: number;
  readonly evictions: Readonly<Record<EvictionReason, number>>;
}

export interface CacheMain extends Disposable {
  figures(): CacheFigures;
  /** For the part's `ended`. */
  ended(row: number): void;
}

export function makeCacheMain({ poller, segment, wakeFds }: CacheMainOptions): CacheMain {
  const wakes = wakeFds.map((fd) => new Wake(fd));
  const writer = new CacheWriter({ segment, wake: (row) => wakes[row]?.signal() });
  const watch = watchWake(poller, wakeFds[0]!, () => writer.onWake());
  const timer = setInterval(() => writer.reclaim(), RECLAIM_MS);
  return {
    figures: () => ({ bytes: writer.bytes, objects: writer.objects, evictions: writer.evictions }),
    ended: (row) => writer.takeBack(row),
    [Symbol.dispose]: () => {
      clearInterval(timer);
      watch[Symbol.dispose]();
    },
  };
}

function watchWake(poller: Poller, fd: number, onWake: () => void): Disposable {
  const wake = new Wake(fd);
  const onReady = (): void => {
    wake.clear();
    onWake();
  };
  // The exception has been reported by the poller; the next signal is served again.
  const result = poller.add(fd, EPOLLIN, { onReady, onFault: () => {} });
  if (result < 0) throw new Error(`Cannot watch the eventfd ${fd}: error ${-result}`);
  return { [Symbol.dispose]: () => void poller.remove(fd) };
}
