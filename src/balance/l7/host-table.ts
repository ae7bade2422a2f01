/**
 * What belongs to a host name: an exact name before a wildcard, a wildcard of more labels before one of fewer, the value
 * for every host last (Gateway API: `*.example.com` stands for one or more labels, never for example.com itself).
 */
import { ByteMap, HASH_BASIS, hashByte, hashLowerRange, lower } from "./byte-map.ts";

const DOT = 0x2e;
/** RFC 1035 section 2.3.4: a longer host is no name, and no wildcard can be longer. */
const MAX_NAME = 255;

export class HostTable<Value> {
  readonly #exact: ByteMap<Value>;
  /** Keyed by what follows the asterisk, backwards (`moc.elpmaxe.`): one walk from a host's end meets all its suffixes. */
  readonly #wildcards: ByteMap<Value>;
  readonly #any: Value | undefined;
  readonly #backwards = new Uint8Array(MAX_NAME);

  /** Names in lower case, `*.` in front of a wildcard, "" for every host. */
  constructor(entries: ReadonlyMap<string, Value>) {
    const exact: [string, Value][] = [];
    const wildcards: [string, Value][] = [];
    for (const [host, value] of entries) {
      if (host.startsWith("*.")) wildcards.push([host.slice(1).split("").toReversed().join(""), value]);
      else if (host !== "") exact.push([host, value]);
    }
    this.#exact = new ByteMap(exact);
    this.#wildcards = new ByteMap(wildcards);
    this.#any = entries.get("");
  }

  /** Whether its one value stands for every host. */
  get isForAll(): boolean {
    return this.#any !== undefined && this.#exact.size === 0 && this.#wildcards.size === 0;
  }

  /**
   * Fills `values` with all that stands for the host in bytes [start, end) in any case, the most specific LAST. How many
   * there are.
   */
  collect(bytes: Uint8Array, start: number, end: number, values: Value[]): number {
    values.length = 0;
    // A final dot makes a name absolute, not another name.
    const last = end > start && bytes[end - 1] === DOT ? end - 1 : end;
    if (this.#any !== undefined) values.push(this.#any);
    if (this.#wildcards.size > 0) this.#collectWildcards(bytes, start, last, values);
    if (this.#exact.size > 0) {
      const exact = this.#exact.getLower(hashLowerRange(bytes, start, last), bytes, start, last);
      if (exact !== undefined) values.push(exact);
    }
    return values.length;
  }

  #collectWildcards(bytes: Uint8Array, start: number, end: number, values: Value[]): void {
    const backwards = this.#backwards;
    // At least one byte of a label must stand before the suffix.
    const length = Math.min(end - start - 1, this.#wildcards.longest);
    let hash = HASH_BASIS;
    for (let i = 0; i < length; i++) {
      const byte = lower(bytes[end - 1 - i]!);
      backwards[i] = byte;
      hash = hashByte(hash, byte);
      if (byte !== DOT) continue;
      const value = this.#wildcards.get(hash, backwards, 0, i + 1);
      if (value !== undefined) values.push(value);
    }
  }
}
