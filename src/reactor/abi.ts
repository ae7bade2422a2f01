/** The self-test at start: is native code reached as the reactor expects it? node:ffi is experimental and may change. */
import { bindingFault, bindLibrary, registerCallback, unregisterCallback } from "./binding.ts";
import { EBADF } from "./errno.ts";
import { createEpoll, controlEpoll, takeEvents } from "./epoll.ts";
import { EPOLLIN, EPOLL_CTL_ADD, EPOLL_EVENT, UV_POLL } from "./layout.ts";
import { errno, libc, uv } from "./libc.ts";
import { Slab } from "./slab.ts";
import { close, eventFd, write } from "./system.ts";

const probe = bindLibrary("libc.so.6", { snprintf: [8, "int32"], qsort: [4, "void"] });

/** Undefined when all is well, else the reason in words. Takes about a millisecond. */
export function abiFault(): string | undefined {
  const missing = bindingFault();
  if (missing !== undefined) return missing;
  for (const [name, test] of CHECKS) {
    const fault = outcomeOf(test);
    if (fault !== undefined) return `native calls do not work as expected (${name}: ${fault})`;
  }
  return undefined;
}

const CHECKS: readonly (readonly [name: string, test: () => string | undefined])[] = [
  ["byte order", checkByteOrder],
  ["arguments", checkArguments],
  ["errno", checkErrno],
  ["callback", checkCallback],
  ["epoll_event", checkEpollEvent],
  ["uv_poll_t", checkUvPoll],
];

function outcomeOf(test: () => string | undefined): string | undefined {
  try {
    return test();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function differs(what: string, expected: unknown, found: unknown): string | undefined {
  return expected === found ? undefined : `${what} is ${String(found)}, not ${String(expected)}`;
}

function checkByteOrder(): string | undefined {
  return differs("the lowest byte of 1", 1, new Uint8Array(new Uint32Array([1]).buffer)[0]);
}

/** Every position, in registers and on the stack, arrives in order: snprintf prints what it got. */
function checkArguments(): string | undefined {
  const out = new Slab(64);
  const format = new Slab(Buffer.from("%ld %ld %ld %ld %ld\0"));
  const length = probe.snprintf(out.pointer, 64n, format.pointer, 11n, 22n, 33n, 44n, 0x7fffffffffffn);
  const printed = Buffer.from(out.bytes.subarray(0, length)).toString("latin1");
  return differs("what was printed", "11 22 33 44 140737488355327", printed);
}

function checkErrno(): string | undefined {
  return differs("the result of close(2^31 - 1)", -1, libc.close(0x7fffffffn)) ?? differs("errno", EBADF, errno());
}

/** qsort calls back with pointers into our own memory, and uses what it is given back. */
function checkCallback(): string | undefined {
  const values = new Slab(16);
  const words = new Int32Array(values.bytes.buffer);
  words.set([3, 1, 4, 2]);
  const wordAt = (pointer: bigint): number => words[Number(pointer - values.pointer) >> 2] ?? Number.NaN;
  const compare = registerCallback(["pointer", "pointer"], "int32", (a, b) => wordAt(a) - wordAt(b));
  probe.qsort(values.pointer, 4n, 4n, compare);
  unregisterCallback(compare);
  return differs("the sorted list", "1,2,3,4", words.join());
}

/** Two events side by side show the struct's size; their descriptors and generations show its offsets. */
function checkEpollEvent(): string | undefined {
  const [epoll, first, second] = [createEpoll(), eventFd(), eventFd()];
  const events = new Slab(EPOLL_EVENT.size * 2);
  const one = new Slab(8);
  one.bytes[0] = 1;
  try {
    for (const fd of [first, second]) {
      controlEpoll(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, fd + 1000);
      write(fd, one, 0, 8);
    }
    const count = takeEvents(epoll, events, 2);
    const seen = [0, EPOLL_EVENT.size].map((at) => {
      const fd = events.view.getInt32(at + EPOLL_EVENT.data, true);
      return `${events.view.getUint32(at, true)} ${fd} ${events.view.getInt32(at + EPOLL_EVENT.data + 4, true)}`;
    });
    const expected = [first, second].map((fd) => `${EPOLLIN} ${fd} ${fd + 1000}`).join();
    return differs("the number of events", 2, count) ?? differs("the events", expected, seen.join());
  } finally {
    for (const fd of [epoll, first, second]) close(fd);
  }
}

function checkUvPoll(): string | undefined {
  const size = Number(uv.uv_handle_size(BigInt(UV_POLL)));
  return size >= 64 && size <= 1024 ? undefined : `its size is ${size}`;
}
