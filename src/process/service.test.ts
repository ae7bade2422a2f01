/** The frame with real processes: a small service of its own (testdata), killed, stopped and configured. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import type { Entry } from "#src/config/model.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import type { ObservedFrame } from "#src/config/stream/frame.ts";
import { ConfigServer } from "#src/config/stream/server.ts";
import { until } from "#src/testing/until.ts";
import { freePort } from "#src/testing/service-process.ts";

const FIXTURE = join(import.meta.dirname, "testdata", "fixture-service.ts");

interface Line {
  readonly event: string;
  readonly pid?: number;
  readonly process?: number;
  readonly reason?: string;
  readonly admin?: string;
  readonly [field: string]: unknown;
}

class Running implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  readonly closed: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stderr = "";

  constructor(child: ChildProcess) {
    this.child = child;
    createInterface({ input: child.stdout! }).on("line", (line) => this.lines.push(JSON.parse(line)));
    child.stderr!.on("data", (bytes: Buffer) => (this.stderr += bytes.toString()));
    this.closed = once(child, "close").then(([code, signal]) => ({ code, signal }));
  }

  /** The n-th line (from 1) with that event. */
  line(event: string, n = 1): Promise<Line> {
    return until(
      `"${event}" (${n}) in ${JSON.stringify(this.lines)} ${this.stderr}`,
      () => this.lines.filter((line) => line.event === event)[n - 1],
    );
  }

  async get(path: string): Promise<string> {
    const { admin } = await this.line("ready");
    const response = await fetch(`http://${admin}${path}`);
    return `${response.status} ${(await response.text()).trimEnd()}`;
  }

  async metric(series: string): Promise<number> {
    const text = await this.get("/metrics");
    const line = text.split("\n").find((one) => one.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.closed;
  }
}

const zone = (name: string, text = ""): Entry =>
  toEntry(`zone/default/${name}`, { kind: "zone", origin: `${name}.`, text, backends: [] });

const start = (...args: string[]): Running =>
  new Running(spawn(process.execPath, ["--no-warnings", FIXTURE, ...args], { stdio: ["ignore", "pipe", "pipe"] }));

/** A connection; what it is sent back. */
async function talk(port: number, text: string): Promise<{ socket: Socket; reply: string }> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(text);
  const reply = await new Promise<string>((resolve) => {
    socket.once("data", (bytes) => resolve(String(bytes))).once("close", () => resolve(""));
  });
  return { socket, reply };
}

const isAlive = (pid: number): boolean => {
  try {
    // A zombie that nobody has reaped yet has ended too.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
};

const gone = (pid: number) => until(`the end of ${pid}`, () => (isAlive(pid) ? undefined : true));

test("a crashed process is replaced and counted while another serves; the sums do not go back", async () => {
  const port = await freePort();
  await using service = start("--workers", "2", "--port", String(port));
  await service.line("ready");
  assert.equal(await service.get("/readyz"), "200 ready");
  assert.equal(await service.get("/livez"), "200 alive");
  const { socket, reply } = await talk(port, "hello");
  const pid = Number.parseInt(reply, 10);
  socket.write("crash");
  const end = await service.line("data process ended");
  assert.deepEqual([end.pid, end.reason, end["signal"]], [pid, "crash", "SIGSEGV"]);
  const answers = await Promise.all(Array.from({ length: 4 }, () => talk(port, "still there")));
  for (const { socket: one } of answers) one.destroy();
  const back = await service.line("data process ready", 3);
  assert.notEqual(back.pid, pid);
  assert.equal(back.process, end.process);
  assert.equal(await service.metric('fairway_data_process_exits_total{reason="crash"}'), 1);
  assert.equal(await service.metric("fairway_data_processes_ready"), 2);
  assert.equal(await service.metric('fairway_l4_connections_total{proto="tcp"}'), 5);
  assert.ok((await service.metric('fairway_tcp_sockets{state="listen"}')) === 2);
  const status: unknown = JSON.parse((await service.get("/status")).slice(4));
  assert.partialDeepStrictEqual(status, {
    service: "fixture",
    phase: "serving",
    unready: null,
    config: { entries: 0 },
  });
  service.child.kill("SIGTERM");
  assert.deepEqual(await service.closed, { code: 0, signal: null });
});

test("a process that hangs inside a batch is killed within the second and replaced", async () => {
  const port = await freePort();
  await using service = start("--workers", "1", "--port", String(port));
  await service.line("ready");
  const { reply } = await talk(port, "stick");
  const end = await service.line("data process ended");
  assert.deepEqual([end.pid, end.reason, end["signal"]], [Number.parseInt(reply, 10), "stuck", "SIGKILL"]);
  await service.line("data process ready", 2);
});

test("kill -9 of the main takes its data processes with it, one in an endless loop too", async () => {
  const port = await freePort();
  await using service = start("--workers", "2", "--port", String(port));
  await service.line("ready");
  const pids = service.lines.filter(({ event }) => event === "data process ready").map(({ pid }) => pid!);
  const { socket, reply } = await talk(port, "hello");
  assert.ok(pids.includes(Number.parseInt(reply, 10)));
  socket.write("spin");
  service.child.kill("SIGKILL");
  for (const pid of pids) await gone(pid);
  socket.destroy();
});

test("SIGINT twice and SIGTERM once more are one stop; open connections finish first, new ones are refused", async () => {
  const port = await freePort();
  await using service = start("--workers", "1", "--port", String(port));
  await service.line("ready");
  const { socket } = await talk(port, "hello");
  for (const signal of ["SIGINT", "SIGINT", "SIGTERM"] as const) service.child.kill(signal);
  await service.line("draining");
  assert.equal(await service.get("/readyz"), "503 stopping");
  await until("a refusal", async () => {
    const { socket: late, reply } = await talk(port, "late");
    late.destroy();
    return reply === "" ? true : undefined;
  });
  socket.write("go on");
  assert.match(String((await once(socket, "data"))[0]), /go on/);
  socket.end();
  assert.deepEqual(await service.closed, { code: 0, signal: null });
  assert.equal(service.lines.filter(({ event }) => event === "stopping").length, 1);
});

test("what does not finish is cut off at the deadline", async () => {
  const port = await freePort();
  await using service = start("--workers", "1", "--port", String(port), "--drain-timeout", "50ms");
  await service.line("ready");
  const { socket } = await talk(port, "hello");
  service.child.kill("SIGTERM");
  assert.deepEqual(await service.closed, { code: 0, signal: null });
  assert.ok(service.lines.some(({ event }) => event === "open work was cut off"));
  socket.destroy();
});

test("during the drain delay it is unready and goes on accepting", async () => {
  const port = await freePort();
  await using service = start("--workers", "1", "--port", String(port), "--drain-delay", "300ms");
  await service.line("ready");
  service.child.kill("SIGTERM");
  await service.line("stopping");
  assert.equal(await service.get("/readyz"), "503 stopping");
  const { socket, reply } = await talk(port, "new");
  assert.match(reply, /new/);
  socket.destroy();
  assert.equal((await service.closed).code, 0);
});

test("SIGTERM reaches it through a shell that execs, as npm starts it; SIGHUP reloads", async () => {
  const shell = spawn("sh", ["-c", `exec "${process.execPath}" --no-warnings "${FIXTURE}" --workers 1`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  await using service = new Running(shell);
  await service.line("ready");
  shell.kill("SIGHUP");
  await service.line("main reloads");
  await service.line("reloaded");
  shell.kill("SIGTERM");
  assert.deepEqual(await service.closed, { code: 0, signal: null });
});

for (const [mode, expected] of [
  ["fault", /^Cannot listen at 127\.0\.0\.1:53: another process has the port\n$/],
  ["apply-fault", /^Cannot listen at ::1:53: another process has the port\n$/],
  ["main-fault", /^Cannot read the folder \/nowhere: it is not there\n$/],
  ["die-early", /^Cannot start: a data process ended 5 times before it was ready; its messages are above\n$/],
] as const) {
  test(`cannot start (${mode}): one sentence and exit code 1`, async () => {
    await using service = start("--workers", "1", "--mode", mode);
    assert.equal((await service.closed).code, 1);
    assert.match(service.stderr, expected);
  });
}

test("cannot start with a config stream either: it does not wait for processes that will not come up", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fairway-"));
  const path = join(folder, "config.sock");
  await using server = new ConfigServer({ select: () => () => true });
  await server.listen(path);
  server.publish([zone("a")]);
  await using service = start("--workers", "1", "--config-socket", path, "--mode", "apply-fault");
  await service.line("data process ended");
  const since = performance.now();
  assert.equal((await service.closed).code, 1);
  assert.ok(performance.now() - since < 5_000, "half of what a start may take");
  assert.equal(service.stderr, "Cannot listen at ::1:53: another process has the port\n");
  rmSync(folder, { recursive: true });
});

test("wrong options: every sentence, exit code 2", async () => {
  await using service = start("--workers", "0", "--port", "x");
  assert.equal((await service.closed).code, 2);
  assert.equal(service.stderr, 'Cannot use --port: "x" is not a whole number\nCannot use --workers: "0" is below 1\n');
});

test("admin port taken: one sentence and exit code 1", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  await using service = start("--workers", "1", "--admin-port", String(port));
  assert.equal((await service.closed).code, 1);
  assert.equal(service.stderr, `Cannot open the admin endpoint at 127.0.0.1:${port}: another process has the port\n`);
  holder.close();
});

test("configuration: to every data process, acknowledged with rejections, observed, labelled, commanded, and kept over a crash", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fairway-"));
  const path = join(folder, "config.sock");
  const observed: ObservedFrame[] = [];
  const port = await freePort();
  await using server = new ConfigServer({
    select: (name) => (name === "fixture" ? () => true : undefined),
    onObserved: (_, one) => void observed.push(one),
  });
  await server.listen(path);
  await using service = start("--workers", "2", "--config-socket", path, "--port", String(port));
  server.publish([zone("a")]);
  await service.line("ready");
  const { live } = server.publish([zone("a"), zone("b", "bad")]);
  const [liveness] = await live;
  assert.equal(liveness!.rejected.length, 1);
  assert.match(liveness!.rejected[0]!.reason, /^process \d says no$/);
  const seen = observed.map(({ key, process }) => `${key} ${process}`).toSorted((a, b) => a.localeCompare(b));
  assert.deepEqual(seen, ["zone/default/a 0", "zone/default/a 1", "zone/default/b 0", "zone/default/b 1"]);
  assert.match(await service.get("/seen"), /0 zone\/default\/a bound/);
  assert.equal(await service.metric('fairway_dns_zone_loads_total{zone="b."}'), 2);
  assert.equal(await service.metric("fairway_config_last_reload_success"), 0);
  assert.equal(await service.metric("fairway_config_entries_rejected"), 1);
  assert.deepEqual(await server.command("fixture", { name: "purge", argument: "/x" }), [
    { value: "main purge" },
    { process: 0, value: { index: 0, name: "purge", argument: "/x" } },
    { process: 1, value: { index: 1, name: "purge", argument: "/x" } },
  ]);
  const { socket } = await talk(port, "crash");
  socket.destroy();
  await service.line("data process ready", 3);
  assert.equal(
    await service.metric('fairway_dns_zone_loads_total{zone="a."}'),
    3,
    "the replacement took the configuration",
  );
  assert.deepEqual((await server.publish([zone("a")]).live)[0]!.rejected, []);
  assert.equal(await service.metric("fairway_config_last_reload_success"), 1);
  service.child.kill("SIGTERM");
  assert.equal((await service.closed).code, 0);
  assert.deepEqual(
    service.lines.filter(({ event }) => event.startsWith("config stream lost")),
    [],
    "a stop is no loss",
  );
  rmSync(folder, { recursive: true });
});
