/**
 * A program: calls recv on an empty socket by our own wrapper for SECONDS, and prints how many nanoseconds of CPU time
 * one took. recv-calls.c is the same in C.
 */
import { EAGAIN } from "#src/reactor/errno.ts";
import { SOCK_DGRAM } from "#src/reactor/layout.ts";
import { Slab } from "#src/reactor/slab.ts";
import { socket } from "#src/reactor/socket.ts";
import { recv } from "#src/reactor/system.ts";

const BATCH = 100_000;
const LENGTH = 65_536;

const slab = new Slab(LENGTH);
const fd = socket(4, SOCK_DGRAM);
const seconds = Number(process.argv[2]);

function callBatch(): void {
  for (let index = 0; index < BATCH; index++) {
    if (recv(fd, slab, 0, LENGTH) !== -EAGAIN) throw new Error("Cannot measure: the socket is not empty");
  }
}

for (let index = 0; index < 5; index++) callBatch();
const before = process.threadCpuUsage();
let calls = 0;
for (const until = performance.now() + seconds * 1000; performance.now() < until; calls += BATCH) callBatch();
const { user, system } = process.threadCpuUsage(before);
console.log(((user + system) * 1000) / calls);
