import { Agent } from "node:http";
import type { KubeClient } from "#src/kube/request.ts";
import { Transport } from "#src/kube/transport.ts";

/** A client without credentials. */
export function plainKubeClient(url: string): KubeClient {
  const agent = new Agent({ keepAlive: true });
  const transport = new Transport(url, () => Promise.resolve({ agent, headers: {} }));
  return {
    server: url,
    namespace: "default",
    request: (request) => transport.request(request),
    stream: (request) => transport.stream(request),
    [Symbol.dispose]: () => agent.destroy(),
  };
}
