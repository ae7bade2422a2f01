/** The options that every service has. */
import { availableParallelism } from "node:os";
import type { Options, OptionValues } from "./option.ts";

export const FRAME_OPTIONS = {
  workers: {
    type: "integer",
    default: availableParallelism(),
    min: 1,
    max: 256,
    unit: "processes",
    shared: true,
    help: "Data processes, each with listeners and connections of its own; by default one per core.",
  },
  adminAddress: {
    type: "string",
    default: "127.0.0.1",
    shared: true,
    help: "IP address of the admin endpoint: /livez, /readyz, /metrics.",
  },
  adminPort: {
    type: "integer",
    default: 0,
    min: 0,
    max: 65535,
    help: "Port of the admin endpoint; 0 takes a free one.",
  },
  configSocket: {
    type: "string",
    default: "",
    shared: true,
    help: "Unix socket of the config stream's server; without this and --config-servers the service runs on its options alone.",
  },
  configServers: {
    type: "list",
    default: [],
    shared: true,
    help: "Config stream's servers over TLS: HOST:PORT, of which all addresses are the controller's replicas.",
  },
  configToken: {
    type: "string",
    default: "",
    shared: true,
    help: "File with the service account's token of audience fairway-config, for --config-servers.",
  },
  configCa: {
    type: "string",
    default: "",
    shared: true,
    help: "File with the certificates that the servers' own are checked with, for --config-servers.",
  },
  configServerName: {
    type: "string",
    default: "",
    shared: true,
    help: "Name that the servers' certificate must be for; by default the first host of --config-servers.",
  },
  configSnapshot: {
    type: "string",
    default: "",
    shared: true,
    help: "File for the last configuration from --config-servers, which a restart begins with; it holds private keys and belongs in memory.",
  },
  drainDelay: {
    type: "duration",
    default: 0,
    min: 0,
    max: 600_000,
    shared: true,
    help: "How long to go on accepting after becoming unready, until those who send traffic here have noticed.",
  },
  drainTimeout: {
    type: "duration",
    default: 10_000,
    min: 0,
    max: 3_600_000,
    shared: true,
    help: "How long open work may take to finish once nothing new is accepted.",
  },
  logLevel: {
    type: "string",
    default: "info",
    choices: ["debug", "info", "warn", "error"],
    shared: true,
    help: "The lowest level that is logged.",
  },
} as const;

export type FrameOptionValues = OptionValues<typeof FRAME_OPTIONS>;

/** All options of a service: the frame's, with its own admin port, and its own. */
export function optionsOf(definition: { readonly adminPort: number; readonly options: Options }): Options {
  const adminPort = { ...FRAME_OPTIONS.adminPort, default: definition.adminPort };
  return { ...definition.options, ...FRAME_OPTIONS, adminPort };
}
