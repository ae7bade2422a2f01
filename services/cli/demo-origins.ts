/** The demo's own backends: three small HTTP origins, a TCP echo and a UDP echo, on loopback. Run as a child of `up --demo`. */
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { endWithParent } from "#src/process/parent-death.ts";

const HTTP_ORIGINS = [
  { name: "a", host: "127.0.0.1", port: 18_081 },
  { name: "b", host: "127.0.0.1", port: 18_082 },
  { name: "c", host: "::1", port: 18_083 },
] as const;
const TCP_ECHO = { host: "127.0.0.1", port: 18_091 } as const;
const UDP_ECHO = { host: "127.0.0.1", port: 18_092 } as const;

function listenHttp(name: string, host: string, port: number): Promise<void> {
  const server = createServer((request, response) => {
    response.setHeader("content-type", "text/plain; charset=utf-8");
    response.setHeader("cache-control", request.url === "/health" ? "no-store" : "max-age=60");
    response.setHeader("x-origin", name);
    if (request.method === "POST" || request.method === "PUT") {
      request.pipe(response);
      return;
    }
    // Which page this is: whoever mixes up answers is found out.
    response.setHeader("content-location", request.url ?? "/");
    response.end(`hello from origin ${name}\n`);
  });
  return listening(server, host, port);
}

function listenTcpEcho(): Promise<void> {
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  return listening(server, TCP_ECHO.host, TCP_ECHO.port);
}

function listening(server: ReturnType<typeof createTcpServer>, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
}

function listenUdpEcho(): Promise<void> {
  const socket = createSocket("udp4");
  socket.on("message", (message, from) => socket.send(message, from.port, from.address));
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(UDP_ECHO.port, UDP_ECHO.host, resolve);
  });
}

if (import.meta.main) {
  endWithParent(Number(process.argv[2]));
  try {
    await Promise.all([
      ...HTTP_ORIGINS.map(({ name, host, port }) => listenHttp(name, host, port)),
      listenTcpEcho(),
      listenUdpEcho(),
    ]);
    process.send?.("ready");
  } catch (error) {
    console.error(`Cannot start the demo's origins: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
    process.disconnect?.();
  }
}
