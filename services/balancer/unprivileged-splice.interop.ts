/**
 * Bulk through the balancer as a user without any right: pipes share what pipe(7) lets one user have
 * (`pipe-user-pages-soft`), so that many connections at once get smaller ones. Needs root, to become somebody else.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { toEntry } from "#src/config/stream/entry.ts";
import { descriptorsOf, treeOf } from "#src/testing/process-table.ts";
import { freePort, ServiceProcess } from "#src/testing/service-process.ts";
import { until } from "#src/testing/until.ts";

const NOBODY = 65_534;
const CONNECTIONS = 100;
/** Each way of each connection. */
const BYTES = 4 * 1024 * 1024;
const WANTED_PIPE_BYTES = 1024 * 1024;
const PAGE_BYTES = 4096;
/** Ends of the pipes that it keeps for the next connections, at most. */
const KEPT_ENDS = 2 * 64;

const stack = new AsyncDisposableStack();
let service: ServiceProcess;
let port: number;

before(async () => {
  const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket).on("error", () => {}));
  echo.listen(0, "::1");
  await once(echo, "listening");
  stack.defer(() => void echo.close());
  port = await freePort();
  const endpoint = { address: "::1", port: (echo.address() as AddressInfo).port, weight: 1, ready: true };
  const health = { type: "none", path: "/", intervalMs: 0, timeoutMs: 0, rise: 0, fall: 0 } as const;
  const listener = { id: "test/front/tcp", gateway: "test/front", hostname: "", certificates: [] };
  const backend = "backend/test/Backend/echo/0";
  const entries = [
    toEntry(`port/balancer/TCP/${port}`, {
      kind: "port",
      engine: "balancer",
      port,
      publicPort: port,
      protocol: "TCP",
      addresses: ["127.0.0.1", "::1"],
      listeners: [listener],
    }),
    toEntry("tcproute/test/echo", {
      kind: "l4Route",
      protocol: "TCP",
      id: "test/echo",
      createdAt: "",
      listeners: [listener.id],
      backends: [{ backend, weight: 1 }],
    }),
    toEntry(backend, { kind: "backend", id: "test/echo", endpoints: [endpoint], health, tls: undefined }),
  ];
  service = stack.use(await ServiceProcess.start("balancer", [], entries, { uid: NOBODY }));
});
after(() => stack.disposeAsync());

test("many connections at once, both ways: every byte arrives, and nothing is left", async () => {
  const dataProcess = treeOf(service.pid).find((pid) => pid !== service.pid)!;
  assert.match(readFileSync(`/proc/${dataProcess}/status`, "utf8"), /^CapEff:\t0+$/m, "it has no right at all");
  const soft = Number(readFileSync("/proc/sys/fs/pipe-user-pages-soft", "utf8")) * PAGE_BYTES;
  assert.ok(2 * CONNECTIONS * WANTED_PIPE_BYTES > soft, "not all pipes can have what they want");
  const pipes = (): number => descriptorsOf(dataProcess).filter((target) => target.startsWith("pipe:")).length;
  const others = (): number => descriptorsOf(dataProcess).length - pipes();
  const [othersBefore, pipesBefore] = [others(), pipes()];
  const data = randomBytes(BYTES);
  const wanted = createHash("sha256").update(data).digest("hex");
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, pipes())), 5);
  const sums = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, index) => echoed(index % 2 === 0 ? "127.0.0.1" : "::1", data)),
  ).finally(() => clearInterval(watch));
  assert.deepEqual([...new Set(sums)], [wanted]);
  assert.ok(most - pipesBefore > KEPT_ENDS, `it spliced through more pipes than it keeps: ${most} ends`);
  await until("the end of all connections", () => (others() <= othersBefore ? true : undefined));
  assert.ok(pipes() - pipesBefore <= KEPT_ENDS, `pipes kept are bounded: ${pipes()} ends, ${pipesBefore} before`);
});

/** What comes back of `data`, as its sum. */
async function echoed(host: string, data: Buffer): Promise<string> {
  const socket: Socket = connect({ host, port, allowHalfOpen: true });
  const sum = createHash("sha256");
  socket.on("data", (bytes) => sum.update(bytes));
  socket.end(data);
  await once(socket, "end");
  return sum.digest("hex");
}
