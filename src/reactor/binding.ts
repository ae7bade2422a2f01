/**
 * The only file that touches node:ffi, so also the only one that can call native code.
 *
 * Every argument is declared as a pointer and passed as a BigInt, integers and descriptors too: such a call costs about
 * 7 ns more than the same call in C, with integer argument types it costs 200. A negative argument is refused by Node:
 * pass its two's complement (0xffffffffn for a 32-bit -1).
 */
import type * as Ffi from "node:ffi";

interface ResultTypes {
  int32: number;
  int64: bigint;
  pointer: bigint;
  void: void;
}

/** How many arguments a native function takes, and what it returns. */
export type Signature = readonly [arity: number, result: keyof ResultTypes];

type Pointers<N extends number, T extends bigint[] = []> = T["length"] extends N ? T : Pointers<N, [...T, bigint]>;

export type Bound<S extends Readonly<Record<string, Signature>>> = {
  readonly [K in keyof S]: (...args: Pointers<S[K][0]>) => ResultTypes[S[K][1]];
};

interface CallbackTypes {
  pointer: bigint;
  int32: number;
  uint32: number;
  uint64: bigint;
  void: void;
}

const ffi: typeof Ffi | undefined = loadFfi();

/** Callbacks need a library that owns them; this one stays open as long as the process. */
const owner: Ffi.DynamicLibrary | undefined = ffi === undefined ? undefined : ffi.dlopen(null).lib;

/** Why native code cannot be called in this process, in words, or undefined when it can. */
export function bindingFault(): string | undefined {
  if (ffi === undefined) return `Node ${process.versions.node} has no node:ffi`;
  if (process.platform !== "linux") return `the platform is ${process.platform}, not Linux`;
  if (process.arch !== "x64" && process.arch !== "arm64") return `the processor is ${process.arch}, not x64 or arm64`;
  return undefined;
}

/** Functions of a shared library, such as "libc.so.6". What is missing throws when it is called, not here. */
export function bindLibrary<const S extends Readonly<Record<string, Signature>>>(path: string, spec: S): Bound<S> {
  return bind(path, spec);
}

/** Functions that the node binary itself exports: libuv, OpenSSL, nghttp2 and others. */
export function bindProcess<const S extends Readonly<Record<string, Signature>>>(spec: S): Bound<S> {
  return bind(null, spec);
}

function bind<S extends Readonly<Record<string, Signature>>>(path: string | null, spec: S): Bound<S> {
  const functions: Record<string, (...args: never[]) => unknown> = {};
  for (const [name, [arity, result]] of Object.entries(spec)) {
    functions[name] = bindOne(path, name, arity, result);
  }
  // Spread into a new object: V8 keeps one that has grown name by name as a hash table, through which calls are not inlined.
  return { ...functions } as Bound<S>;
}

function bindOne(path: string | null, name: string, arity: number, result: keyof ResultTypes) {
  const reason = bindingFault();
  if (ffi === undefined || reason !== undefined) return missing(name, reason ?? "");
  try {
    const definition = { arguments: Array.from({ length: arity }, () => "pointer" as const), return: result };
    return libraryOf(path).getFunction(name, definition);
  } catch (error) {
    return missing(name, error instanceof Error ? error.message : String(error));
  }
}

function missing(name: string, reason: string): () => never {
  return () => {
    throw new Error(`Cannot call ${name}: ${reason}`);
  };
}

function libraryOf(path: string | null): Ffi.DynamicLibrary {
  return new ffi!.DynamicLibrary(path);
}

/**
 * A native function pointer that calls `callback` on this thread. The callback must not throw, and promises and nextTick
 * do not run when it returns. It lives until `unregisterCallback`, which must not be called from inside it.
 */
export function registerCallback<
  const A extends readonly Exclude<keyof CallbackTypes, "void">[],
  const R extends "void" | "int32" | "pointer",
>(parameters: A, result: R, callback: (...args: { [K in keyof A]: CallbackTypes[A[K]] }) => CallbackTypes[R]): bigint {
  return owner!.registerCallback({ arguments: parameters, return: result }, callback as Ffi.CallbackFunction);
}

export function unregisterCallback(pointer: bigint): void {
  owner!.unregisterCallback(pointer);
}

/** The uv_loop_t of this thread. */
export function eventLoop(): bigint {
  return ffi!.getCurrentEventLoop();
}

/** Address of a buffer's first byte. The caller keeps the buffer alive: a pointer does not (see Slab). */
export function pointerOf(bytes: Uint8Array): bigint {
  return ffi === undefined ? 0n : ffi.getRawPointer(bytes);
}

/** A copy of `length` bytes of native memory. */
export function copyNative(pointer: bigint, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(ffi!.toArrayBuffer(pointer, length, true));
}

/**
 * Native memory itself, without a copy: it must outlive the array. Wrap a large mapping once and make views from it:
 * V8 counts every wrap as external memory.
 */
export function wrapNative(pointer: bigint, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(ffi!.toArrayBuffer(pointer, length, false));
}

/** Copies `bytes` to native memory at `pointer`, which has room for them. */
export function writeNative(pointer: bigint, bytes: Uint8Array): void {
  ffi!.exportArrayBufferView(bytes, pointer, bytes.length);
}

/** Loaded by name, so that a Node without it can still say so; its notice that it is experimental is not for operators. */
function loadFfi(): typeof Ffi | undefined {
  const warn = process.emitWarning.bind(process);
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule("node:ffi");
  } catch {
    return undefined;
  } finally {
    process.emitWarning = warn;
  }
}
