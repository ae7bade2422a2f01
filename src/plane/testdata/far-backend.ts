/** A backend behind a link that can be cut: HTTP at port 80, and at port 81 TCP; both tell the host's name. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { argv } from "node:process";
import { joinFarNetwork } from "#src/testing/far-network.ts";

/** Before it reads the body of a POST. */
const STALL_MS = 15_000;
const name = argv[2] ?? "";

await joinFarNetwork();

// Small, so that an unread body closes the window.
writeFileSync("/proc/sys/net/ipv4/tcp_rmem", "4096 65536 65536");
const http = createHttpServer((request, response) => {
  let bytes = 0;
  const count = (): void => {
    request.on("data", (piece: Buffer) => (bytes += piece.length));
    request.on("end", () => response.end(request.method === "POST" ? String(bytes) : name));
  };
  if (request.method === "POST") setTimeout(count, STALL_MS);
  else count();
});
// Longer than any test: a kept connection does not end by itself.
http.keepAliveTimeout = 120_000;
const tcp = createServer((socket) => {
  socket.on("error", () => socket.destroy());
  socket.end(name);
});
for (const [server, port] of [
  [http, 80],
  [tcp, 81],
] as const) {
  server.listen(port, "::");
  await once(server, "listening");
}
process.send?.("ready");
