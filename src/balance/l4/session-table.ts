/**
 * UDP sessions by their client's address, in the order of their last use. Looking up allocates nothing: the address is
 * compared as the kernel wrote it. The table is bounded; who is full gives up the session that was used longest ago.
 */

/** What a session has to be. The table alone writes the links. */
export interface TableEntry<E> {
  /** Hash of `name`, unsigned 32 bits. */
  readonly hash: number;
  /** The client's raw sockaddr. */
  readonly name: Uint8Array;
  /** Clock's milliseconds of the last datagram in either direction. */
  usedAt: number;
  chained: E | undefined;
  older: E | undefined;
  newer: E | undefined;
}

/** Behind the address family: port and address, by which clients differ. */
const NAME_START = 2;

/** Hash of the raw sockaddr of `length` bytes at `at`: the same in every process, and never 0. */
export function hashName(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = NAME_START; i < length; i++) hash = Math.imul(hash ^ bytes[at + i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0 || 1;
}

export class SessionTable<E extends TableEntry<E>> {
  size = 0;
  readonly #buckets: (E | undefined)[];
  readonly #mask: number;
  #oldest: E | undefined;
  #newest: E | undefined;

  /** `max` is what the table is sized for; keeping to it is its holder's part. */
  constructor(max: number) {
    const count = 2 ** Math.ceil(Math.log2(Math.max(max, 2)));
    this.#mask = count - 1;
    this.#buckets = Array.from({ length: count }, () => undefined);
  }

  /** The entry that was used longest ago. */
  get oldest(): E | undefined {
    return this.#oldest;
  }

  find(hash: number, bytes: Uint8Array, at: number): E | undefined {
    let entry = this.#buckets[hash & this.#mask];
    while (entry !== undefined && !(entry.hash === hash && isName(entry.name, bytes, at))) entry = entry.chained;
    return entry;
  }

  /** Takes a new entry as the one used last. */
  add(entry: E): void {
    const bucket = entry.hash & this.#mask;
    entry.chained = this.#buckets[bucket];
    this.#buckets[bucket] = entry;
    this.#append(entry);
    this.size++;
  }

  touch(entry: E, now: number): void {
    entry.usedAt = now;
    if (entry === this.#newest) return;
    this.#unlink(entry);
    this.#append(entry);
  }

  remove(entry: E): void {
    const bucket = entry.hash & this.#mask;
    let before = this.#buckets[bucket];
    if (before === entry) this.#buckets[bucket] = entry.chained;
    else {
      while (before !== undefined && before.chained !== entry) before = before.chained;
      if (before === undefined) return;
      before.chained = entry.chained;
    }
    entry.chained = undefined;
    this.#unlink(entry);
    this.size--;
  }

  #append(entry: E): void {
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink(entry: E): void {
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
  }
}

function isName(name: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = NAME_START; i < name.length; i++) if (name[i] !== bytes[at + i]) return false;
  return true;
}
