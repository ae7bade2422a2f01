/**
 * The matches of one host, found by path: the exact path first, then prefixes from the longest to the shortest, by whole
 * path elements (`/shop` stands for /shop, /shop/ and /shop/cart, not for /shopping).
 */
import type { Message } from "#src/http/message.ts";
import { ByteMap, HASH_BASIS, hashByte } from "./byte-map.ts";
import { conditionsHold, type Conditions } from "./conditions.ts";

const SLASH = 0x2f;

export interface PathMatch {
  readonly path: { readonly type: "Exact" | "PathPrefix"; readonly value: string };
  readonly conditions: Conditions;
}

/** Most hosts have only prefixes: they share this. */
const NO_EXACT: ByteMap<never> = new ByteMap<never>([]);

export class PathTable<Match extends PathMatch> {
  readonly #exact: ByteMap<readonly Match[]>;
  readonly #prefixes: ByteMap<readonly Match[]>;
  /** Ends and hashes of the path's element boundaries, filled anew at each lookup. */
  readonly #ends: Int32Array;
  readonly #hashes: Int32Array;

  /** `matches` in order of precedence: among those of one path the first whose conditions hold is taken. */
  constructor(matches: readonly Match[]) {
    const exact = new Map<string, Match[]>();
    const prefixes = new Map<string, Match[]>();
    for (const match of matches) {
      if (match.path.type === "Exact") append(exact, match.path.value, match);
      else append(prefixes, withoutFinalSlash(match.path.value), match);
    }
    this.#exact = exact.size === 0 ? NO_EXACT : new ByteMap(exact);
    this.#prefixes = new ByteMap(prefixes);
    this.#ends = new Int32Array(this.#prefixes.longest + 1);
    this.#hashes = new Int32Array(this.#prefixes.longest + 1);
  }

  find(request: Message): Match | undefined {
    const { bytes, targetStart: start, pathEnd: end } = request;
    const longest = Math.max(this.#prefixes.longest, this.#exact.longest);
    let hash = HASH_BASIS;
    let count = 0;
    let i = start;
    for (; i < end && i - start <= longest; i++) {
      const byte = bytes[i]!;
      if (byte === SLASH && i - start <= this.#prefixes.longest) {
        this.#ends[count] = i;
        this.#hashes[count++] = hash;
      }
      hash = hashByte(hash, byte);
    }
    if (i === end) {
      const matches = this.#exact.get(hash, bytes, start, end);
      const match = matches && firstThatHolds(matches, request);
      if (match !== undefined) return match;
      if (end - start <= this.#prefixes.longest) {
        this.#ends[count] = end;
        this.#hashes[count++] = hash;
      }
    }
    return this.#findPrefix(request, count);
  }

  #findPrefix(request: Message, boundaries: number): Match | undefined {
    for (let k = boundaries - 1; k >= 0; k--) {
      const matches = this.#prefixes.get(this.#hashes[k]!, request.bytes, request.targetStart, this.#ends[k]!);
      const match = matches && firstThatHolds(matches, request);
      if (match !== undefined) return match;
    }
    // The asterisk form (OPTIONS *) and CONNECT have no first slash: only the prefix `/` takes them.
    if (boundaries > 0 && this.#ends[0] === request.targetStart) return undefined;
    const matches = this.#prefixes.get(HASH_BASIS, request.bytes, 0, 0);
    return matches && firstThatHolds(matches, request);
  }
}

function firstThatHolds<Match extends PathMatch>(matches: readonly Match[], request: Message): Match | undefined {
  for (let i = 0; i < matches.length; i++) if (conditionsHold(matches[i]!.conditions, request)) return matches[i];
  return undefined;
}

function append<Match>(map: Map<string, Match[]>, key: string, match: Match): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [match]);
  else list.push(match);
}

/** `/shop/` and `/shop` are the same prefix, `/` is the empty one (Gateway API, PathMatchPathPrefix). */
export const withoutFinalSlash = (path: string): string => (path.endsWith("/") ? path.slice(0, -1) : path);
