/** Options that every DNS service has, and what is made from them. */
import { isIP } from "node:net";
import type { Options, OptionValues } from "#src/process/option.ts";
import { StartFault } from "#src/process/fault.ts";
import type { Poller } from "#src/reactor/poller.ts";
import { QueryLog } from "./query-log.ts";

export const LISTENER_OPTIONS = {
  bind: { type: "list", default: ["127.0.0.1", "::1"], help: "IP addresses to listen at; `::` is IPv6 alone." },
  maxConnections: {
    type: "integer",
    default: 4096,
    min: 1,
    max: 1_000_000,
    unit: "connections",
    help: "Open connections of each listener of each data process; more are reset.",
  },
  queryLog: {
    type: "integer",
    default: 0,
    min: 0,
    max: 1_000_000,
    help: "Every how many answers one is logged, as a line of JSON on standard output; 0 logs none.",
  },
} as const satisfies Options;

type ListenerOptionValues = OptionValues<typeof LISTENER_OPTIONS>;

/** Throws a StartFault when the addresses to bind are none. */
export function checkBind({ bind }: ListenerOptionValues): readonly string[] {
  const wrong = bind.find((host) => isIP(host) === 0);
  if (wrong !== undefined) throw new StartFault(`Cannot bind to ${wrong}: it is not an IP address`, 2);
  if (bind.length === 0) throw new StartFault("Cannot serve: --bind names no address", 2);
  return bind;
}

/** The query log, when one is asked for. Lines that standard output does not take in time are left out. */
export function openQueryLog(poller: Poller, { queryLog }: ListenerOptionValues): { log?: QueryLog } {
  if (queryLog === 0) return {};
  const log = new QueryLog({
    sampleEvery: queryLog,
    write: (lines) => {
      if (!process.stdout.writableNeedDrain) process.stdout.write(lines);
    },
    defer: (task) => poller.defer(task),
    clock: () => Date.now(),
  });
  return { log };
}
