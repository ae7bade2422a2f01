/** An application of two pods to route to: HTTP, and echoes over TCP and UDP. It runs in Fairway's own image, for the Node there. */
import metadata from "../../package.json" with { type: "json" };

export interface DemoApplication {
  readonly namespace: string;
  /** Of the Deployment, its Service and the answers. */
  readonly name: string;
}

export const DEMO_PORTS = { http: 80, tcp: 9000, udp: 9001 } as const;

/** `NAME has /path of HOST`, and below /cached for caches to keep. */
const PROGRAM = `
const { createServer } = require("node:http");
createServer((request, response) => {
  response.setHeader("x-pod", process.env.HOSTNAME);
  if (request.url.startsWith("/cached")) response.setHeader("cache-control", "max-age=300");
  response.end(process.env.APPLICATION + " has " + request.url + " of " + request.headers.host + "\\n");
}).listen(8080, "::");
require("node:net").createServer((socket) => { socket.on("error", () => {}); socket.pipe(socket); }).listen(9000, "::");
const udp = require("node:dgram").createSocket("udp6");
udp.on("message", (bytes, from) => udp.send(bytes, from.port, from.address));
udp.bind(9001, "::");
process.on("SIGTERM", () => process.exit());
`;

/** YAML of the namespace and what is in it. */
export function demoApplication({ namespace, name }: DemoApplication): string {
  const labels = { app: name };
  const container = {
    name: "web",
    image: `fairway:${metadata.version}`,
    command: ["/usr/bin/node", "-e", PROGRAM],
    env: [{ name: "APPLICATION", value: name }],
    // It is not what is tried: on a machine that is busy it has its share, and stays an endpoint.
    resources: { requests: { cpu: "200m" } },
    readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 10 },
    securityContext: {
      allowPrivilegeEscalation: false,
      runAsNonRoot: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
  };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace },
      spec: {
        selector: labels,
        ports: [
          { name: "http", port: DEMO_PORTS.http, targetPort: 8080 },
          { name: "tcp", port: DEMO_PORTS.tcp, targetPort: 9000 },
          { name: "udp", port: DEMO_PORTS.udp, targetPort: 9001, protocol: "UDP" },
        ],
      },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
}
