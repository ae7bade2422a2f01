/** `fairway up`: serves a directory of configuration on this machine, one process tree per service. */
import { join } from "node:path";
import { formatFault } from "#src/config/source/snapshot.ts";
import { ConfigServer } from "#src/config/stream/server.ts";
import type { Entry } from "#src/config/model.ts";
import { defineCommand } from "#src/process/command-line.ts";
import { StartFault } from "#src/process/fault.ts";
import { checkRequirements } from "#src/process/requirements.ts";
import { PROGRAM_EXTENSION } from "#src/process/program-file.ts";
import { handleSignals } from "#src/process/stop-signals.ts";
import { type SupervisedService, Supervisor } from "#src/process/supervisor.ts";
import { DEFAULT_INGRESS_PORTS } from "#src/translate/translate.ts";
import { describeChange, describeEnd, newFaults } from "./change-line.ts";
import { type Configuration, WatchedConfiguration } from "./configuration.ts";
import { DEMO_DIRECTORY, DemoOrigins, writeDemoSecret } from "./demo.ts";
import { RuntimeDirectory } from "./runtime-directory.ts";
import { takeTour } from "./tour.ts";

/** Each is the data plane of its name. */
const SERVICES = ["dns", "resolver", "edge", "balancer"] as const;

const INGRESS_PORT = { type: "integer", min: 1, max: 65_535 } as const;

const DEMO_STUB = "demo.test=127.0.0.1@10053";

export const up = defineCommand({
  name: "up",
  help: "Serve a directory of configuration on this machine until it is stopped.",
  options: {
    file: {
      type: "list",
      short: "f",
      default: [],
      help: "Directory (or file) of YAML and zone files, watched for changes.",
    },
    demo: { type: "boolean", default: false, help: "Serve the embedded demo, with origins of its own." },
    workers: {
      type: "integer",
      default: 0,
      min: 0,
      max: 256,
      unit: "processes",
      help: "Data processes of each service; 0 is one per core.",
    },
    bind: { type: "list", default: ["127.0.0.1", "::1"], help: "IP addresses to listen at." },
    ingressHttpPort: { ...INGRESS_PORT, default: DEFAULT_INGRESS_PORTS.http, help: "Port of Ingresses." },
    ingressHttpsPort: {
      ...INGRESS_PORT,
      default: DEFAULT_INGRESS_PORTS.https,
      help: "Port of Ingresses for TLS.",
    },
    stub: { type: "list", default: [], help: "Zones that the resolver asks at fixed servers: ZONE=ADDRESS@PORT." },
    rootHints: {
      type: "string",
      default: "",
      help: "File of root hints for the resolver; the built-in ones by default.",
    },
  },
  run: async ({ options }) => {
    checkRequirements();
    if (options.file.length === 0 && !options.demo) {
      throw new StartFault("Cannot start without configuration: give a directory with -f DIR, or --demo", 2);
    }
    const stop = Promise.withResolvers<void>();
    using runtime = new RuntimeDirectory();
    const directories = [...options.file];
    if (options.demo) {
      writeDemoSecret(runtime.path);
      directories.push(DEMO_DIRECTORY, join(runtime.path, "demo-tls.yaml"));
    }
    await using _origins = options.demo ? await DemoOrigins.start() : undefined;
    // Services connect before the configuration is read: until then there is nothing to send.
    let planesOf: Configuration["planesOf"] | undefined;
    const filters = new Map<string, (entry: Entry) => boolean>();
    for (const name of SERVICES) filters.set(name, (entry) => planesOf?.(entry).has(name) === true);
    await using server = new ConfigServer({ select: (name) => filters.get(name) });
    const publisher = new Publisher(server);
    const socket = join(runtime.path, "config.sock");
    await server.listen(socket);
    const entries = Promise.withResolvers<readonly Entry[]>();
    await using supervisor = new Supervisor({
      services: servicesOf(
        { ...options, stub: options.demo ? [...options.stub, DEMO_STUB] : options.stub },
        entries.promise,
        socket,
      ),
      onLine: (line) => console.log(line),
      onEnd: (end) => console.log(describeEnd(end)),
    });
    const startedAt = performance.now();
    // The services load while the configuration is read.
    const started = supervisor.start();
    using configuration = new WatchedConfiguration(directories, (next) => publisher.publish(next), {
      ingressPorts: { http: options.ingressHttpPort, https: options.ingressHttpsPort },
    });
    planesOf = configuration.current.planesOf;
    using _signals = handleSignals({ stop: () => stop.resolve(), reload: () => configuration.reload() });
    publisher.start(configuration.current);
    entries.resolve(configuration.current.entries);
    await Promise.race([started, stop.promise]);
    if (supervisor.status.every(({ ready }) => ready)) {
      console.log(`all services ready in ${Math.round(performance.now() - startedAt)} ms`);
      if (options.demo) console.log(`\n${(await takeTour()).text}\n`);
    }
    await stop.promise;
    return 0;
  },
});

interface ServiceOptions {
  readonly workers: number;
  readonly bind: readonly string[];
  readonly stub: readonly string[];
  readonly rootHints: string;
}

function servicesOf(
  { workers, bind, stub, rootHints }: ServiceOptions,
  entries: Promise<readonly Entry[]>,
  socket: string,
): SupervisedService[] {
  const common = [
    `--config-socket=${socket}`,
    `--bind=${bind.join(",")}`,
    ...(workers === 0 ? [] : [`--workers=${workers}`]),
  ];
  const own: Readonly<Record<string, readonly string[] | Promise<readonly string[]>>> = {
    resolver: [
      ...(stub.length === 0 ? [] : [`--stub=${stub.join(",")}`]),
      ...(rootHints === "" ? [] : [`--root-hints=${rootHints}`]),
    ],
    // Memory is reserved once, when the service starts.
    edge: entries.then((all) =>
      all.flatMap(({ value }) =>
        value.kind === "dataPlane" && value.engine === "edge" ? [`--cache-bytes=${value.cacheMaxBytes}`] : [],
      ),
    ),
  };
  return SERVICES.map((name) => {
    const args = own[name] ?? [];
    return {
      name,
      entry: join(import.meta.dirname, "..", name, `main${PROGRAM_EXTENSION}`),
      args: args instanceof Promise ? args.then((known) => [...common, ...known]) : [...common, ...args],
    };
  });
}

/** Brings each new configuration to the services and says in one line what came of it. */
class Publisher {
  readonly #server: ConfigServer;
  #last: Pick<Configuration, "faults"> = { faults: [] };

  constructor(server: ConfigServer) {
    this.#server = server;
  }

  start(configuration: Configuration): void {
    for (const fault of configuration.faults) console.log(formatFault(fault));
    this.#last = configuration;
    this.#server.publish(configuration.entries);
  }

  publish(configuration: Configuration): void {
    for (const line of newFaults(this.#last.faults, configuration.faults)) console.log(line);
    this.#last = configuration;
    const { changed, live } = this.#server.publish(configuration.entries);
    if (changed.length === 0) return;
    void live.then((each) => console.log(describeChange(changed, each)));
  }
}
