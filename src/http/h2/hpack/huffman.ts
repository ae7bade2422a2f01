/**
 * The Huffman code of HPACK (RFC 7541 section 5.2, appendix B). The code is canonical: the lengths of the 257 codes give
 * all of it. Decoding takes four bits a step through a table made from them.
 */

/** Length of each symbol's code, the last one EOS: a letter is its distance from `<`, so `A` is 5 bits and `Z` is 30. */
const LENGTHS =
  "ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCBBBABCBAABCCCCCKGJI" +
  "XPRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRSVVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWVZ";
const EOS = 256;
const STATES = 256;
const FAILED = -1;

interface Code {
  readonly symbol: number;
  readonly bits: number;
  readonly length: number;
}

/** All codes, shortest first, in the order in which a canonical code counts up. */
function canonicalCodes(): Code[] {
  const lengths = Array.from(LENGTHS, (letter) => letter.charCodeAt(0) - 60);
  const order = [...lengths.keys()].toSorted((a, b) => lengths[a]! - lengths[b]! || a - b);
  let bits = 0;
  let previous = lengths[order[0]!]!;
  return order.map((symbol) => {
    const length = lengths[symbol]!;
    bits *= 2 ** (length - previous);
    previous = length;
    return { symbol, bits: bits++, length };
  });
}

/** For each state and bit, the next state, or the complement of the symbol that is complete. State 0 is between symbols. */
function bitTree(codes: readonly Code[]): Int16Array {
  const tree = new Int16Array(STATES * 2);
  let states = 1;
  for (const { symbol, bits, length } of codes) {
    let state = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const branch = state * 2 + (Math.floor(bits / 2 ** bit) & 1);
      if (bit === 0) tree[branch] = ~symbol;
      else {
        if (tree[branch] === 0) tree[branch] = states++;
        state = tree[branch]!;
      }
    }
  }
  return tree;
}

interface Tables {
  /** State after four more bits, FAILED when they contain EOS. */
  readonly next: Int16Array;
  /** Symbol completed within them, or -1: no code is shorter than five bits, so there is at most one. */
  readonly symbol: Int16Array;
  /** 1 where a string may end: at most seven bits of padding, all ones (RFC 7541 section 5.2). */
  readonly mayEnd: Uint8Array;
}

function stepTables(tree: Int16Array): Tables {
  const next = new Int16Array(STATES * 16);
  const symbol = new Int16Array(STATES * 16).fill(-1);
  for (let entry = 0; entry < next.length; entry++) {
    let state = entry >> 4;
    for (let bit = 3; bit >= 0 && state !== FAILED; bit--) {
      state = tree[state * 2 + ((entry >> bit) & 1)]!;
      if (state >= 0) continue;
      const complete = ~state;
      symbol[entry] = complete === EOS ? -1 : complete;
      state = complete === EOS ? FAILED : 0;
    }
    next[entry] = state;
  }
  const mayEnd = new Uint8Array(STATES);
  for (let state = 0, bits = 0; bits < 8; bits++, state = tree[state * 2 + 1]!) mayEnd[state] = 1;
  return { next, symbol, mayEnd };
}

export const HUFFMAN_CODES: readonly Code[] = canonicalCodes();
const { next: NEXT, symbol: SYMBOL, mayEnd: MAY_END } = stepTables(bitTree(HUFFMAN_CODES));

/**
 * Decodes octets [start, end) of `source` to `target` from `at` on; returns the position after the text, or -1 when it
 * is malformed. `target` needs room for 8/5 of the octets: the shortest code has five bits.
 */
export function decodeHuffman(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
  let state = 0;
  for (let i = start; i < end; i++) {
    const octet = source[i]!;
    let entry = (state << 4) | (octet >> 4);
    if (SYMBOL[entry]! >= 0) target[at++] = SYMBOL[entry]!;
    state = NEXT[entry]!;
    if (state < 0) return -1;
    entry = (state << 4) | (octet & 15);
    if (SYMBOL[entry]! >= 0) target[at++] = SYMBOL[entry]!;
    state = NEXT[entry]!;
    if (state < 0) return -1;
  }
  return MAY_END[state] === 1 ? at : -1;
}
