/** Which TCP ports of the machine an engine listens at, for the count of its sockets by state. */
import type { Engine, Entry } from "#src/config/model.ts";

export function* tcpPortsOf(engine: Engine, entries: Iterable<Entry>): Iterable<number> {
  for (const { value } of entries) {
    if (value.kind === "port" && value.engine === engine && value.protocol !== "UDP") yield value.port;
  }
}
