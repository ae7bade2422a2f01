/**
 * The event loop of a data process. One epoll descriptor holds all hot sockets; libuv watches that descriptor and calls
 * one native callback per wake-up, which takes one batch of events and handles all of it, then returns to libuv, so that
 * timers, promises and node:http in the same thread have their turn.
 *
 * Inside a batch neither promises nor nextTick run: work for them is handed over by `defer`.
 */
import { eventLoop, registerCallback, unregisterCallback } from "./binding.ts";
import { controlEpoll, createEpoll, takeEvents } from "./epoll.ts";
import { errnoText } from "./errno.ts";
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLL_EVENT, UV_POLL, UV_READABLE } from "./layout.ts";
import { libc, uv } from "./libc.ts";
import { Slab } from "./slab.ts";
import { close } from "./system.ts";
import { TimerWheel, type WheelLoop } from "./timer-wheel.ts";

/** What is told that its descriptor is ready. */
export interface Watcher {
  /** `events` are EPOLLIN and its like; called inside a batch. */
  onReady(events: number): void;
  /** `onReady` has thrown: give up this connection, and nothing else. */
  onFault(error: unknown): void;
}

/** Work to be done at the end of the current batch, after all events. */
export interface LateTask {
  runLate(): void;
}

export interface PollerOptions {
  /** Every exception that reached a barrier: to be logged and counted. */
  readonly onFault: (error: unknown) => void;
}

const MAX_EVENTS = 256;
const MIN_EVENTS = 4;
const FIRST_EVENTS = 64;
const LONG_BATCH_MS = 1;
const SHORT_BATCH_MS = 0.4;
const LATE_ROUNDS = 8;
const EVENT_WORDS = EPOLL_EVENT.size >> 2;
const DATA_WORD = EPOLL_EVENT.data >> 2;

export class Poller implements AsyncDisposable, WheelLoop {
  readonly deadlines: TimerWheel = new TimerWheel(this);
  /** Batches and events handled; events of descriptors that had changed hands within their batch; exceptions caught. */
  readonly counts = { batches: 0, events: 0, stale: 0, faults: 0 };
  readonly #epoll: number;
  readonly #events = new Slab(MAX_EVENTS * EPOLL_EVENT.size);
  readonly #words = new Int32Array(this.#events.bytes.buffer);
  readonly #onFault: (error: unknown) => void;
  readonly #handle: bigint;
  readonly #callback: bigint;
  /** By descriptor. Giving one up counts its generation up, so that a late event cannot reach the next owner. */
  readonly #watchers: (Watcher | undefined)[] = [];
  readonly #generations: number[] = [];
  readonly #startHooks: (() => void)[] = [];
  readonly #endHooks: (() => void)[] = [];
  #deferred: (() => void)[] = [];
  #late: LateTask[] = [];
  #lateBefore: LateTask[] = [];
  #maxEvents = FIRST_EVENTS;
  #inBatch = false;
  #now = 0;
  #immediate: NodeJS.Immediate | undefined;
  #tickTimer: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  /** Starts watching at once, and keeps the process alive until it is disposed of. */
  constructor(options: PollerOptions) {
    this.#onFault = options.onFault;
    this.#epoll = createEpoll();
    if (this.#epoll < 0) throw new Error(`Cannot create an epoll descriptor: ${errnoText(this.#epoll)}`);
    this.#handle = libc.malloc(uv.uv_handle_size(BigInt(UV_POLL)));
    const fault = uv.uv_poll_init(eventLoop(), this.#handle, BigInt(this.#epoll));
    if (fault < 0) throw new Error(`Cannot watch an epoll descriptor: ${errnoText(fault)}`);
    this.#callback = registerCallback(["pointer", "int32", "int32"], "void", () => this.#handleBatch());
    uv.uv_poll_start(this.#handle, BigInt(UV_READABLE), this.#callback);
  }

  /** Milliseconds of a clock that never goes back; the same value during a whole batch. */
  get now(): number {
    return this.#inBatch ? this.#now : performance.now();
  }

  /** Watches a descriptor for `interest` (EPOLLIN and its like), level-triggered. 0 or a negative error number. */
  add(fd: number, interest: number, watcher: Watcher): number {
    while (this.#watchers.length <= fd) {
      this.#watchers.push(undefined);
      this.#generations.push(0);
    }
    const result = controlEpoll(this.#epoll, EPOLL_CTL_ADD, fd, interest, this.#generations[fd]!);
    if (result === 0) this.#watchers[fd] = watcher;
    return result;
  }

  change(fd: number, interest: number): number {
    return controlEpoll(this.#epoll, EPOLL_CTL_MOD, fd, interest, this.#generations[fd] ?? 0);
  }

  /** Ends the watching of a descriptor that stays open. */
  remove(fd: number): number {
    this.#forget(fd);
    return controlEpoll(this.#epoll, EPOLL_CTL_DEL, fd, 0, 0);
  }

  /** Closes a descriptor, watched or not; the kernel forgets it by itself. */
  close(fd: number): number {
    this.#forget(fd);
    return close(fd);
  }

  /** Ordinary JavaScript after the batch: there promises work, and it may take its time. One setImmediate per batch. */
  defer(task: () => void): void {
    this.#deferred.push(task);
    this.#scheduleTurn();
  }

  /** Runs `task` once all events of this batch are handled; outside of a batch, soon. */
  late(task: LateTask): void {
    this.#late.push(task);
    if (!this.#inBatch) this.#scheduleTurn();
  }

  /** Called when a batch begins, before its first event: to enter an epoch, for instance. */
  atBatchStart(hook: () => void): void {
    this.#startHooks.push(hook);
  }

  /** Called when a batch has ended: to leave an epoch, send what is corked, add up counters. */
  atBatchEnd(hook: () => void): void {
    this.#endHooks.push(hook);
  }

  /**
   * Work that comes from elsewhere (a timer, a promise) but touches streams or shared memory: runs `work` at once,
   * between the same hooks as a batch.
   */
  run<T>(work: () => T): T {
    if (this.#inBatch) return work();
    this.#enter();
    try {
      return work();
    } finally {
      this.#leave();
    }
  }

  /** Reports an exception that was stopped at a barrier. */
  fault(error: unknown): void {
    this.counts.faults++;
    this.#onFault(error);
  }

  /** Part of the wheel's loop. */
  startTick(ms: number): void {
    this.#tickTimer = setTimeout(() => this.run(() => this.deadlines.tick()), ms);
  }

  /** Part of the wheel's loop. */
  cancelTick(): void {
    clearTimeout(this.#tickTimer);
  }

  /** Stops watching and waits until libuv has let go of the handle. Descriptors that were added stay open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  #handleBatch(): void {
    const max = this.#maxEvents;
    const count = takeEvents(this.#epoll, this.#events, max);
    if (count <= 0) return;
    this.#enter();
    for (let index = 0; index < count; index++) this.#dispatch(index);
    this.#leave();
    this.counts.batches++;
    this.counts.events += count;
    const took = performance.now() - this.#now;
    if (took > LONG_BATCH_MS && max > MIN_EVENTS) this.#maxEvents = max >> 1;
    else if (took < SHORT_BATCH_MS && count === max && max < MAX_EVENTS) this.#maxEvents = max << 1;
  }

  #dispatch(index: number): void {
    const at = index * EVENT_WORDS;
    const fd = this.#words[at + DATA_WORD]!;
    const watcher = this.#watchers[fd];
    if (watcher === undefined || this.#generations[fd] !== this.#words[at + DATA_WORD + 1]) {
      this.counts.stale++;
      return;
    }
    try {
      watcher.onReady(this.#words[at]!);
    } catch (error) {
      this.#stopFault(watcher, error);
    }
  }

  #stopFault(watcher: Watcher, error: unknown): void {
    this.fault(error);
    try {
      watcher.onFault(error);
    } catch (second) {
      this.fault(second);
    }
  }

  #enter(): void {
    this.#now = performance.now();
    this.#inBatch = true;
    for (let index = 0; index < this.#startHooks.length; index++) this.#call(this.#startHooks[index]!);
  }

  #leave(): void {
    if (this.#late.length > 0) this.#runLate();
    for (let index = 0; index < this.#endHooks.length; index++) this.#call(this.#endHooks[index]!);
    this.#inBatch = false;
    if (this.#late.length > 0) this.#scheduleTurn();
  }

  /** What a late task adds is run as well, but two that answer each other for ever wait for the next turn. */
  #runLate(): void {
    for (let round = 0; round < LATE_ROUNDS && this.#late.length > 0; round++) {
      const tasks = this.#late;
      this.#late = this.#lateBefore;
      this.#lateBefore = tasks;
      for (let index = 0; index < tasks.length; index++) {
        try {
          tasks[index]!.runLate();
        } catch (error) {
          this.fault(error);
        }
      }
      tasks.length = 0;
    }
  }

  #call(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.fault(error);
    }
  }

  #scheduleTurn(): void {
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      this.run(() => this.#runDeferred());
    });
  }

  #runDeferred(): void {
    const tasks = this.#deferred;
    if (tasks.length === 0) return;
    this.#deferred = [];
    for (const task of tasks) this.#call(task);
  }

  #forget(fd: number): void {
    if (this.#watchers[fd] === undefined) return;
    this.#watchers[fd] = undefined;
    this.#generations[fd] = (this.#generations[fd]! + 1) | 0;
  }

  async #stop(): Promise<void> {
    this.deadlines.stop();
    clearImmediate(this.#immediate);
    uv.uv_poll_stop(this.#handle);
    const { promise, resolve } = Promise.withResolvers<void>();
    const onClose = registerCallback(["pointer"], "void", () => void setImmediate(resolve));
    uv.uv_close(this.#handle, onClose);
    await promise;
    close(this.#epoll);
    libc.free(this.#handle);
    unregisterCallback(onClose);
    unregisterCallback(this.#callback);
  }
}
