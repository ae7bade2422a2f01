/**
 * Small numbers as the BigInts that native calls take, made once: looking one up costs nothing next to `BigInt(number)`,
 * which is about 20 ns in every call, since it makes an object.
 */
const COUNT = 8192;
const WORDS: readonly bigint[] = Array.from({ length: COUNT }, (_, number) => BigInt(number));

/** A whole number of at least 0 as a native argument: a descriptor, a count. */
export function wordOf(number: number): bigint {
  return number < COUNT ? WORDS[number]! : BigInt(number);
}
