/** Supervises fixture services named on the command line, as `fairway up` does: `NAME=MODE` each. */
import { join } from "node:path";
import { failWith } from "#src/process/fault.ts";
import { handleSignals } from "#src/process/stop-signals.ts";
import { Supervisor } from "#src/process/supervisor.ts";

const say = (event: string, fields: object = {}): void => console.log(JSON.stringify({ event, ...fields }));

try {
  const stopped = Promise.withResolvers<void>();
  const anyReady = Promise.withResolvers<void>();
  using signals = handleSignals({ stop: () => stopped.resolve(), reload: () => say("reload") });
  await using supervisor = new Supervisor({
    services: process.argv.slice(2).map((word, i) => {
      const [name, mode] = word.split("=");
      const args = ["--workers", "1", "--mode", mode!];
      // The first one's are known when another one is ready.
      const promised = i === 0 && process.argv.length > 3 ? anyReady.promise.then(() => args) : args;
      return { name: name!, entry: join(import.meta.dirname, "fixture-service.ts"), args: promised };
    }),
    onLine: (line) => console.log(line),
    onReady: (name) => {
      say("service ready", { name, pid: supervisor.status.find((one) => one.name === name)?.pid });
      anyReady.resolve();
    },
    onEnd: (end) => say("service ended", { ...end }),
  });
  await supervisor.start();
  say("up", { signals: signals !== undefined });
  await stopped.promise;
} catch (error) {
  failWith(error);
}
