import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { abiFault } from "./abi.ts";
import { copyNative, wrapNative } from "./binding.ts";
import { EAGAIN, EBADF, EFAULT, EINVAL, errnoText } from "./errno.ts";
import { libc } from "./libc.ts";
import { PartList } from "./parts.ts";
import { isOutside, Slab } from "./slab.ts";
import { slabOf } from "./loopback.cases.ts";
import { decodeSocketAddress, encodeSocketAddress, SocketAddress } from "./socket-address.ts";
import {
  close,
  duplicate,
  eventFd,
  pipe,
  pipeSize,
  pread,
  read,
  recv,
  send,
  sendfile,
  setPipeSize,
  splice,
  write,
} from "./system.ts";

const PAGE = 4096n;

/** A slab whose last byte is followed by a page that nobody may touch. */
function slabAtPageEnd(length: number): { slab: Slab; free: () => void } {
  const pages = BigInt(Math.ceil(length / Number(PAGE)));
  const base = libc.mmap(0n, (pages + 1n) * PAGE, 3n, 0x22n, 0xffffffffn, 0n);
  assert.equal(libc.mprotect(base + pages * PAGE, PAGE, 0n), 0);
  const bytes = wrapNative(base, Number(pages * PAGE));
  return { slab: new Slab(bytes.subarray(bytes.length - length)), free: () => libc.munmap(base, (pages + 1n) * PAGE) };
}

test("native calls work here as the reactor expects", () => {
  assert.equal(abiFault(), undefined);
});

test("a range outside the slab never reaches the kernel", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (offset, length) => {
      const slab = new Slab(64);
      const inside = offset >= 0 && length >= 0 && offset + length <= 64;
      assert.equal(isOutside(slab, offset, length), !inside);
    }),
  );
  const slab = new Slab(64);
  for (const [offset, length] of [
    [-1, 4],
    [0, 65],
    [64, 1],
    [0, -1],
    [0.5, 2],
    [Number.NaN, 1],
    [2 ** 32, 0],
    [1, Infinity],
  ] as const) {
    for (const call of [recv, send, read, write])
      assert.equal(call(0, slab, offset, length), -EFAULT, `${offset} ${length}`);
    assert.equal(pread(0, slab, offset, length, 0), -EFAULT);
    assert.throws(() => new PartList().add(slab, offset, length), RangeError);
  }
  assert.equal(pread(0, slab, 0, 1, -1), -EINVAL);
  assert.equal(sendfile(0, 0, slab, 60, 1), -EFAULT);
  assert.equal(pipe(slab, 60), -EFAULT);
});

test("descriptors that are none give an error number", () => {
  const slab = new Slab(8);
  for (const fd of [-1, 1_000_000]) {
    for (const call of [recv, send, read, write]) assert.equal(call(fd, slab, 0, 8), -EBADF);
    assert.equal(close(fd), -EBADF);
    assert.equal(duplicate(fd), -EBADF);
    assert.equal(splice(fd, fd, 1), -EBADF);
  }
});

test("slabs that end at a forbidden page are used to the last byte and not further", () => {
  for (const length of [1, 8, 4095, 4096, 10_000]) {
    const ends = new Slab(8);
    assert.equal(pipe(ends, 0), 0);
    const [from, to] = [ends.view.getInt32(0, true), ends.view.getInt32(4, true)];
    const source = slabAtPageEnd(length);
    const sink = slabAtPageEnd(length);
    source.slab.bytes.forEach((_, index) => (source.slab.bytes[index] = index * 7));
    assert.equal(write(to, source.slab, 0, length), length);
    assert.equal(read(from, sink.slab, 0, length), length);
    assert.deepEqual(sink.slab.bytes, source.slab.bytes);
    assert.deepEqual(copyNative(sink.slab.at(length - 1), 1)[0], source.slab.bytes[length - 1]);
    assert.equal(read(from, sink.slab, 0, length), -EAGAIN);
    for (const fd of [from, to]) close(fd);
    for (const { free } of [source, sink]) free();
  }
});

test("small slabs stay where they are when the collector moves things", () => {
  const slabs = Array.from({ length: 1000 }, (_, index) => {
    const slab = new Slab(8);
    slab.bytes.fill(index);
    return slab;
  });
  let garbage: unknown[] = [];
  for (let round = 0; round < 50; round++)
    garbage = Array.from({ length: 20_000 }, () => ({ garbage: garbage.length }));
  slabs.forEach((slab, index) => assert.equal(copyNative(slab.pointer, 8)[7], index & 255));
});

test("an eventfd counts, a pipe grows, a duplicate outlives its original", () => {
  const fd = eventFd();
  const one = new Slab(8);
  one.bytes[0] = 1;
  const other = duplicate(fd);
  for (let count = 0; count < 3; count++) write(fd, one, 0, 8);
  close(fd);
  const got = new Slab(8);
  assert.equal(read(other, got, 0, 8), 8);
  assert.equal(got.bytes[0], 3);
  assert.equal(read(other, got, 0, 8), -EAGAIN);
  close(other);
  const ends = new Slab(8);
  pipe(ends, 0);
  assert.equal(setPipeSize(ends.view.getInt32(4, true), 131_072), 131_072);
  assert.equal(pipeSize(ends.view.getInt32(0, true)), 131_072);
  for (const at of [0, 4]) close(ends.view.getInt32(at, true));
});

test("a file is read where one says", () => {
  const folder = mkdtempSync(join(tmpdir(), "reactor-"));
  writeFileSync(join(folder, "file"), "0123456789");
  const fd = openSync(join(folder, "file"), "r");
  const slab = slabOf("----------");
  assert.equal(pread(fd, slab, 2, 8, 6), 4);
  assert.equal(Buffer.from(slab.bytes).toString(), "--6789----");
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

test("socket addresses go to bytes and back in canonical text (RFC 5952)", () => {
  const slab = new Slab(28);
  for (const [given, text, family] of [
    ["127.0.0.1", "127.0.0.1", 4],
    ["255.254.253.252", "255.254.253.252", 4],
    ["::", "::", 6],
    ["::1", "::1", 6],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1", 6],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", 6],
    ["fe80::1%3", "fe80::1", 6],
    ["1::", "1::", 6],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221", 6],
    ["::ffff:192.0.2.1", "192.0.2.1", 4],
  ] as const) {
    assert.equal(encodeSocketAddress(given, 65_535, slab, 0), given.includes(":") ? 28 : 16);
    assert.deepEqual(decodeSocketAddress(slab, 0), { family, host: text, port: 65_535 }, given);
  }
  for (const bad of ["", "localhost", "1.2.3", "1.2.3.4.5", "::g", "1::2::3"]) {
    assert.equal(encodeSocketAddress(bad, 1, slab, 0), 0);
    assert.throws(() => new SocketAddress(bad, 1), /^Error: Cannot use .* as a socket address/);
  }
});

test("every error number has words", () => {
  assert.equal(errnoText(-EFAULT), "range outside the slab");
  assert.equal(errnoText(77), "error 77");
});
