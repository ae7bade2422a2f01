/**
 * What a stored response is found by: a partition (so that two Gateways with the same host never mix), the scheme, the
 * host in lower case, the port when it is not the scheme's own, the target; and for a variant the request fields that
 * select it. Built and hashed in one pass over the request's ranges, into one buffer that is used again and again.
 */
import type { Message } from "#src/http/message.ts";
import { appendVariantKey, type VaryName } from "../policy/vary.ts";

/** A request whose key would be longer is not cached. */
export const MAX_KEY_BYTES = 8192;
const PRIME = 16777619;

export class CacheKey {
  readonly bytes = new Uint8Array(MAX_KEY_BYTES);
  length = 0;
  /** Never 0. */
  hash = 0;
  readonly #seed: number;

  /** `seed` is the segment's, so that nobody outside can aim at one place of the index. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The key of a request. False when it is too long. */
  fromRequest(request: Message, partition: number): boolean {
    const source = request.bytes;
    const { authorityStart, hostEnd, authorityEnd, targetStart, targetEnd } = request;
    if (authorityEnd - authorityStart + targetEnd - targetStart + 16 > MAX_KEY_BYTES) return false;
    const { bytes } = this;
    let at = 0;
    bytes[at++] = partition & 255;
    bytes[at++] = (partition >>> 8) & 255;
    bytes[at++] = (partition >>> 16) & 255;
    bytes[at++] = partition >>> 24;
    bytes[at++] = request.secure ? 115 : 104;
    for (let i = authorityStart; i < hostEnd; i++) {
      const c = source[i]!;
      bytes[at++] = c >= 65 && c <= 90 ? c | 32 : c;
    }
    if (!isDefaultPort(source, hostEnd, authorityEnd, request.secure))
      for (let i = hostEnd; i < authorityEnd; i++) bytes[at++] = source[i]!;
    for (let i = targetStart; i < targetEnd; i++) bytes[at++] = source[i]!;
    this.#end(at);
    return true;
  }

  /** Goes on from a request's key to that of its variant in a generation. False when it is too long. */
  extend(request: Message, names: readonly VaryName[], generation: number): boolean {
    if (this.length + 5 > MAX_KEY_BYTES) return false;
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = 0;
    bytes[at++] = generation & 255;
    bytes[at++] = (generation >>> 8) & 255;
    bytes[at++] = (generation >>> 16) & 255;
    bytes[at++] = generation >>> 24;
    const end = appendVariantKey(request, names, bytes, at);
    if (end < 0) return false;
    this.#end(end);
    return true;
  }

  /** Becomes a key that was copied. */
  set(bytes: Uint8Array): void {
    this.bytes.set(bytes);
    this.#end(bytes.length);
  }

  copy(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /** For maps of the rare path. */
  text(): string {
    return Buffer.from(this.bytes.buffer, 0, this.length).toString("latin1");
  }

  #end(length: number): void {
    this.length = length;
    this.hash = hashBytes(this.#seed, this.bytes, length);
  }
}

function hashBytes(seed: number, bytes: Uint8Array, length: number): number {
  let hash = seed;
  for (let i = 0; i < length; i++) hash = Math.imul((hash ^ bytes[i]!) + (hash >>> 15), PRIME);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return hash === 0 ? 1 : hash;
}

/** Whether `:80` or `:443` says no more than the scheme does; also for no port at all. */
function isDefaultPort(bytes: Uint8Array, start: number, end: number, secure: boolean): boolean {
  if (end - start <= 1) return true;
  if (secure) return end - start === 4 && bytes[start + 1] === 52 && bytes[start + 2] === 52 && bytes[start + 3] === 51;
  return end - start === 3 && bytes[start + 1] === 56 && bytes[start + 2] === 48;
}
