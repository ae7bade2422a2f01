/**
 * A program that holds keep-alive connections, each of which has had one response: PORT. Reads from standard input how
 * many there shall be, opens what is missing, and prints that number when all have their response; a fault ends it. The
 * clients' addresses are 127.0.0.1 and on, 4,000 connections each.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";

const PER_ADDRESS = 4_000;
const AT_ONCE = 64;
const REQUEST = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

const port = Number(process.argv[2]);
const sockets: Socket[] = [];

async function open(index: number): Promise<void> {
  const localAddress = `127.0.0.${1 + Math.floor(index / PER_ADDRESS)}`;
  const socket = connect({ host: "127.0.0.1", port, localAddress });
  sockets.push(socket);
  socket.on("close", () => {
    throw new Error("Cannot hold a connection: it was closed");
  });
  await once(socket, "connect");
  socket.write(REQUEST);
  const [head] = (await once(socket, "data")) as [Buffer];
  if (!head.toString("latin1").startsWith("HTTP/1.1 200 ")) throw new Error("Cannot use a response: it is not 200");
}

for await (const line of createInterface({ input: process.stdin })) {
  while (sockets.length < Number(line)) {
    const first = sockets.length;
    const count = Math.min(AT_ONCE, Number(line) - first);
    await Promise.all(Array.from({ length: count }, (_, index) => open(first + index)));
  }
  console.log(line);
}
process.exit();
