/** A backend behind a link that can be cut: HTTP at port 80, and at port 81 TCP; both tell the host's name. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { argv } from "node:process";
import { joinFarNetwork } from "#src/testing/far-network.ts";

const name = argv[2] ?? "";

await joinFarNetwork();

const http = createHttpServer((_request, response) => response.end(name));
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
