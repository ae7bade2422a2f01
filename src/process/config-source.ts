/** Where a main takes its configuration from, as its options say. */
import { StartFault } from "./fault.ts";
import type { FrameOptionValues } from "./frame-options.ts";

export interface ServerAddress {
  /** A name, with the addresses of all replicas, or an IP address. */
  readonly host: string;
  readonly port: number;
}

/** The config servers of a cluster. Files are read again whenever they are needed: they change. */
export interface ServersSource {
  readonly kind: "servers";
  readonly servers: readonly ServerAddress[];
  readonly tokenFile: string;
  readonly caFile: string;
  /** The name that the servers' certificate must be for. */
  readonly serverName: string;
  /** "": none is kept. */
  readonly snapshotFile: string;
}

export type ConfigSource =
  /** The configuration is empty, and final. */
  { readonly kind: "none" } | { readonly kind: "socket"; readonly path: string } | ServersSource;

type SourceOptions = Pick<
  FrameOptionValues,
  "configSocket" | "configServers" | "configToken" | "configCa" | "configServerName" | "configSnapshot"
>;

/** Throws a StartFault with a sentence for each thing that is wrong. */
export function configSourceOf(options: SourceOptions): ConfigSource {
  const { configSocket, configServers, configToken, configCa, configServerName, configSnapshot } = options;
  const faults: string[] = [];
  if (configServers.length === 0) {
    const orphans = { "--config-token": configToken, "--config-ca": configCa, "--config-snapshot": configSnapshot };
    for (const [flag, value] of Object.entries(orphans)) {
      if (value !== "") faults.push(`Cannot use ${flag}: it goes with --config-servers, which is not given`);
    }
    if (faults.length > 0) throw new StartFault(faults.join("\n"), 2);
    return configSocket === "" ? { kind: "none" } : { kind: "socket", path: configSocket };
  }
  if (configSocket !== "") faults.push("Cannot use --config-servers and --config-socket: there is one configuration");
  if (configToken === "") faults.push("Cannot use --config-servers without --config-token: they let in who shows one");
  if (configCa === "") faults.push("Cannot use --config-servers without --config-ca: their certificate is checked");
  const servers = configServers.flatMap((text) => {
    const server = parseServer(text);
    if (server === undefined) faults.push(`Cannot use --config-servers: ${JSON.stringify(text)} is not HOST:PORT`);
    return server ?? [];
  });
  if (faults.length > 0) throw new StartFault(faults.join("\n"), 2);
  return {
    kind: "servers",
    servers,
    tokenFile: configToken,
    caFile: configCa,
    serverName: configServerName === "" ? servers[0]!.host : configServerName,
    snapshotFile: configSnapshot,
  };
}

/** `name:port`, `192.0.2.1:port`, `[2001:db8::1]:port`. */
function parseServer(text: string): ServerAddress | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host !== undefined && port > 0 && port < 65_536 ? { host, port } : undefined;
}
