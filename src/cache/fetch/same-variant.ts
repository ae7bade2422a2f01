/** Whether one response fits two requests (RFC 9111 section 4.1), asked while it is not stored yet. */
import type { Message } from "#src/http/message.ts";
import { appendVariantKey, type VaryName } from "../policy/vary.ts";
import { MAX_KEY_BYTES } from "../store/key.ts";

export function isSameVariant(a: Message, b: Message, names: readonly VaryName[]): boolean {
  if (names.length === 0) return true;
  const [first, second] = [new Uint8Array(MAX_KEY_BYTES), new Uint8Array(MAX_KEY_BYTES)];
  const length = appendVariantKey(a, names, first, 0);
  if (length < 0 || length !== appendVariantKey(b, names, second, 0)) return false;
  for (let i = 0; i < length; i++) if (first[i] !== second[i]) return false;
  return true;
}
