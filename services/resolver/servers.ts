/** Whom the resolver asks, and who may ask it, from its options. */
import { readFileSync } from "node:fs";
import type { ServerAddress, StubZone } from "#src/dns/resolver/delegation.ts";
import { BUILT_IN_HINTS, readRootHints } from "#src/dns/resolver/root-hints.ts";
import { parseServerAddress, parseStubs } from "#src/dns/server/server-address.ts";
import type { Address } from "#src/net/address.ts";
import { PrefixSet } from "#src/net/prefix-set.ts";
import { StartFault } from "#src/process/fault.ts";

/** Zones of strangers may name any address as a server's: these are never asked on their word (as Unbound's do-not-query-localhost). */
const NEVER_ASKED = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/3",
  "::/127",
  "fe80::/10",
  "ff00::/8",
] as const;

interface ServerOptions {
  readonly allow: readonly string[];
  readonly stub: readonly string[];
  readonly rootHints: string;
  readonly rootServers: readonly string[];
}

interface Servers {
  readonly hints: readonly ServerAddress[];
  readonly stubs: readonly StubZone[];
  readonly isAllowed: (client: Address) => boolean;
  readonly isAskable: (server: ServerAddress, address: Address) => boolean;
}

/** Throws a StartFault that says which option is wrong. */
export function readServers(options: ServerOptions): Servers {
  const allowed = orFault("--allow", PrefixSet.parse(options.allow));
  const never = orFault("addresses never asked", PrefixSet.parse(NEVER_ASKED));
  const stubs = orFault("--stub", parseStubs(options.stub));
  const hints = hintsOf(options);
  // What the operator names is asked wherever it is.
  const named = new Set([...hints, ...stubs.flatMap(({ addresses }) => addresses)]);
  return {
    hints,
    stubs,
    isAllowed: (client) => allowed.has(client),
    isAskable: (server, address) => named.has(server) || !never.has(address),
  };
}

function hintsOf({ rootHints, rootServers }: ServerOptions): readonly ServerAddress[] {
  if (rootServers.length > 0) {
    return rootServers.map((text) => {
      const address = parseServerAddress(text);
      if (address === undefined) throw fault("--root-servers", `${text} is not ADDRESS@PORT`);
      return `${address.host}@${address.port}`;
    });
  }
  if (rootHints === "") return BUILT_IN_HINTS;
  return orFault(`root hints from ${rootHints}`, readRootHints(readText(rootHints)));
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw fault(`root hints from ${path}`, error instanceof Error ? error.message : String(error));
  }
}

const fault = (what: string, reason: string): StartFault => new StartFault(`Cannot use ${what}: ${reason}`, 2);

function orFault<T>(what: string, result: T | string): T {
  if (typeof result === "string") throw fault(what, result);
  return result;
}
