/** Makes the handlers of connections that speak HTTP/2, by ALPN `h2` or because the client's preface was seen. */
import type { EngineServices, OpenConnection } from "../engine/services.ts";
import { H2Connection } from "./connection.ts";
import { H2Shared } from "./shared.ts";

/** Once per data process, with the services that it will be called with. */
export function makeOpenH2(services: EngineServices): OpenConnection {
  const shared = new H2Shared(services);
  return (stream, port) => new H2Connection(stream, port, shared);
}
