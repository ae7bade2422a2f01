/** Anonymous memory with a descriptor, for mapping by several processes. For starts, not for hot paths: these throw. */
import { fstatSync } from "node:fs";
import { wrapNative } from "./binding.ts";
import { errnoText } from "./errno.ts";
import { errno, libc } from "./libc.ts";
import { Slab } from "./slab.ts";

const MFD_CLOEXEC = 1n;
const MFD_ALLOW_SEALING = 2n;
const F_ADD_SEALS = 1033n;
const F_SEAL_SHRINK = 2n;
const F_SEAL_GROW = 4n;
const PROT_READ = 1n;
const PROT_WRITE = 2n;
const MAP_SHARED = 1n;

/**
 * A memfd of exactly `length` bytes: all reserved now, and sealed, because a file that shrinks is SIGBUS for everyone who
 * has mapped it. Closed on exec; children get it by their stdio list.
 */
export function createMemfd(name: string, length: number): number {
  const label = new Slab(Buffer.from(`${name}\0`));
  const fd = check("create shared memory", libc.memfd_create(label.pointer, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  check("size shared memory", libc.ftruncate(BigInt(fd), BigInt(length)));
  const fault = libc.posix_fallocate(BigInt(fd), 0n, BigInt(length));
  if (fault !== 0) throw new Error(`Cannot reserve ${length} bytes of shared memory: ${errnoText(fault)}`);
  check("seal shared memory", libc.fcntl(BigInt(fd), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
  return fd;
}

/** Bytes behind the descriptor. */
export function memfdSize(fd: number): number {
  return fstatSync(fd).size;
}

/** Maps all of it, for reading and writing, shared. It is never unmapped: a living view would point nowhere. */
export function mapMemfd(fd: number, length: number): ArrayBuffer {
  const pointer = libc.mmap(0n, BigInt(length), PROT_READ | PROT_WRITE, MAP_SHARED, BigInt(fd), 0n);
  if (pointer === 2n ** 64n - 1n) throw new Error(`Cannot map ${length} bytes of shared memory: ${errnoText(errno())}`);
  return wrapNative(pointer, length).buffer;
}

function check(step: string, result: number): number {
  if (result < 0) throw new Error(`Cannot ${step}: ${errnoText(errno())}`);
  return result;
}
