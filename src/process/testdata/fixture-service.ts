/** A service with every part of the frame: counts connections, keeps some open until told, and fails on demand. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { counter } from "#src/metrics/declaration.ts";
import { StartFault } from "#src/process/fault.ts";
import { defineService } from "#src/process/service.ts";

const names = {
  labels: ["zone"],
  cap: 4,
  tuples: ({ value }: { value: { kind: string; origin?: string } }) => (value.kind === "zone" ? [[value.origin ?? ""]] : []),
};

const service = defineService({
  name: "fixture",
  help: "Serves tests.",
  adminPort: 0,
  options: {
    port: { type: "integer", default: 0, help: "Port." },
    mode: {
      type: "string",
      default: "serve",
      choices: ["serve", "die-early", "fault", "throw", "apply-fault", "main-fault", "hold"],
      help: "How it behaves.",
    },
  },
  metrics: {
    connections: counter("fairway_l4_connections_total", "Connections.", { label: "proto", values: ["tcp"] }),
    zones: counter("fairway_dns_zone_loads_total", "Loads.", names),
  },
  memory: () => ({ healthTargets: 8, slots: 0, arenaBytes: 0 }),
  tcpPorts: (options) => [options.port],
  async main({ options, addAdminPath, log }) {
    if (options.mode === "main-fault") throw new StartFault("Cannot read the folder /nowhere: it is not there");
    const seen: string[] = [];
    addAdminPath("/seen", () => seen);
    return {
      observed: ({ key, state }, index) => void seen.push(`${index} ${key} ${state}`),
      reload: () => log.info("main reloads"),
      command: ({ name }) => `main ${name}`,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  },
  async data({ options, metrics, segment, row, index, observe, log }) {
    if (options.mode === "die-early") process.exit(3);
    if (options.mode === "fault") throw new StartFault("Cannot listen at 127.0.0.1:53: another process has the port");
    if (options.mode === "throw") throw new TypeError("undefined is not a function");
    const open = new Set<Socket>();
    const server = createServer((socket) => {
      open.add(socket);
      socket.on("close", () => open.delete(socket)).on("error", () => {});
      metrics.connections.add(metrics.connections.seriesOf("tcp"), 1);
      socket.on("data", (bytes) => {
        const text = bytes.toString();
        if (text === "crash") process.kill(process.pid, "SIGSEGV");
        if (text === "spin") for (;;);
        if (text === "stick") {
          // Inside a batch of src/memory: the epoch word of the row is busy and stays so.
          Atomics.store(segment.control, (segment.layout.rows + row * segment.layout.rowBytes) >> 2, 7);
        }
        socket.write(`${process.pid} ${text}`);
      });
    });
    server.listen({ port: options.port, host: "127.0.0.1", reusePort: true });
    await once(server, "listening");
    return {
      apply({ upsert }) {
        if (options.mode === "apply-fault") throw new StartFault("Cannot listen at ::1:53: another process has the port");
        for (const { key, version, value } of upsert) {
          if (value.kind === "zone") metrics.zones.add(metrics.zones.seriesOf([value.origin]), 1);
          observe({ key, version, state: "bound" });
        }
        return upsert
          .filter(({ value }) => value.kind === "zone" && value.text === "bad")
          .map(({ key, version }) => ({ key, version, reason: `process ${index} says no` }));
      },
      command: ({ name, argument }) => ({ index, name, argument }),
      async drain() {
        log.info("draining", { open: open.size });
        server.close();
        if (options.mode === "hold" || open.size > 0) await once(server, "close");
      },
      async [Symbol.asyncDispose]() {
        for (const socket of open) socket.destroy();
        if (server.listening) server.close();
      },
    };
  },
});

if (import.meta.main) await service.run();
