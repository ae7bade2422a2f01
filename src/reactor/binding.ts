/** The only file that touches node:ffi. */
import { getRawPointer } from "node:ffi";

/** Address of a buffer's first byte. The caller keeps the buffer alive: a pointer does not (see Slab). */
export function pointerOf(bytes: Uint8Array): bigint {
  return getRawPointer(bytes);
}
