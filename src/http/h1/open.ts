/** Makes the handlers of connections that speak HTTP/1.1. */
import type { EngineServices, OpenConnection } from "../engine/services.ts";
import { H1Connection } from "./connection.ts";
import { H1Shared } from "./shared.ts";

/** Once per data process, with the services that it will be called with. */
export function makeOpenH1(services: EngineServices): OpenConnection {
  const shared = new H1Shared(services);
  return (stream, port) => new H1Connection(stream, port, shared);
}
