/** V8's profiler in a process that runs already, over Node's inspector (Chrome DevTools Protocol). */
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import type { CpuProfile } from "../measure/cpu-profile.ts";

/** For the environment of a process that will be asked: its inspector then takes any free port. */
export const INSPECTABLE: Readonly<Record<string, string>> = { NODE_OPTIONS: "--inspect-port=0" };

const OPEN_MS = 10_000;
const POLL_MS = 20;
const SAMPLE_US = 200;

/** Opens the inspector of `pid` by SIGUSR1; its address comes on standard error, which `errors` reads. */
async function openInspector(pid: number, errors: () => string): Promise<string> {
  process.kill(pid, "SIGUSR1");
  for (const deadline = performance.now() + OPEN_MS; performance.now() < deadline;) {
    const address = /Debugger listening on (ws:\S+)/.exec(errors())?.[1];
    if (address !== undefined) return address;
    await wait(POLL_MS);
  }
  throw new Error(`Cannot profile: process ${pid} has not opened its inspector`);
}

/** Profiles the process while `work` runs. */
export async function profileWhile<T>(
  pid: number,
  errors: () => string,
  work: () => Promise<T>,
): Promise<{ readonly done: T; readonly profile: CpuProfile }> {
  const socket = new WebSocket(await openInspector(pid, errors));
  await once(socket, "open");
  try {
    await call(socket, 1, "Profiler.enable");
    await call(socket, 2, "Profiler.setSamplingInterval", { interval: SAMPLE_US });
    await call(socket, 3, "Profiler.start");
    const done = await work();
    const { profile } = (await call(socket, 4, "Profiler.stop")) as { profile: CpuProfile };
    return { done, profile };
  } finally {
    socket.close();
  }
}

/** One method at a time. */
async function call(socket: WebSocket, id: number, method: string, params = {}): Promise<unknown> {
  socket.send(JSON.stringify({ id, method, params }));
  for (;;) {
    const [{ data }] = (await once(socket, "message")) as [{ readonly data: string }];
    const answer = JSON.parse(data) as { id?: number; result?: unknown; error?: { message: string } };
    if (answer.error !== undefined) throw new Error(`Cannot ${method}: ${answer.error.message}`);
    if (answer.id === id) return answer.result;
  }
}
