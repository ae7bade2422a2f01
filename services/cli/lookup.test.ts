import assert from "node:assert/strict";
import dns from "node:dns";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { mock, test } from "node:test";
import { lookup, type LookupRequest } from "./lookup.ts";

async function listen(host: string, answer: (question: Buffer) => Buffer | undefined): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (question) => {
      const bytes = answer(question as Buffer);
      if (bytes !== undefined) socket.end(bytes);
    });
  });
  server.listen(0, host);
  await once(server, "listening");
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** The question sent back as its own answer, in two parts: NOERROR without records. */
function echo(question: Buffer): Buffer {
  const answer = Buffer.from(question);
  answer[4]! |= 0x80;
  return answer;
}

const request = (server: string, port: number): LookupRequest => ({
  server,
  port,
  name: "a.test",
  type: "A",
  transport: "tcp",
  timeoutMs: 300,
});

for (const host of ["127.0.0.1", "::1"]) {
  test(`over TCP ${host} itself is asked: nothing is looked up`, async () => {
    const server = await listen(host, echo);
    const resolved = mock.method(dns, "lookup", () => assert.fail("a name was looked up"));
    try {
      assert.equal((await lookup(request(host, portOf(server)))).rcode, "NOERROR");
    } finally {
      resolved.mock.restore();
      server.close();
    }
  });
}

test("over TCP silence and a closed connection are told in one sentence", async () => {
  const silent = await listen("::1", () => undefined);
  await assert.rejects(
    lookup(request("::1", portOf(silent))),
    /^Error: Cannot ask ::1 port \d+ over TCP: no answer within 300 ms$/,
  );
  silent.close();
  const short = await listen("::1", () => Buffer.alloc(0));
  await assert.rejects(lookup(request("::1", portOf(short))), /^Error: Cannot ask ::1 port \d+ over TCP: /);
  short.close();
});
