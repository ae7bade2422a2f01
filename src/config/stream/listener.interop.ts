/** The config stream's listener as OpenSSL's client meets it: a stranger, in any version of TLS, over IPv4 and IPv6. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { StreamController } from "#src/testing/stream-controller.ts";
import { TokenIssuer } from "#src/testing/token-issuer.ts";
import { renewStreamSecret } from "./authority.ts";

const NAME = "fairway-controller.fairway-system.svc";
const OPENSSL = "openssl";

/** Everything that s_client printed until the server ended the connection. */
async function visit(host: string, port: number, args: readonly string[]): Promise<string> {
  const place = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const child = spawn(OPENSSL, ["s_client", "-connect", place, "-servername", NAME, ...args]);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (bytes: Buffer) => (output += bytes.toString("latin1")));
  }
  child.stdin.on("error", () => {});
  child.stdin.write("let me in\n");
  await once(child, "close");
  return output;
}

for (const host of ["127.0.0.1", "::1"]) {
  test(`at ${host}: openssl s_client is refused, and the server lives`, async () => {
    const { data } = renewStreamSecret(undefined, { names: [NAME], now: new Date() });
    const options = { host, secret: data, issuer: new TokenIssuer(), limits: { tokenMs: 1000 } };
    await using controller = await new StreamController(options).start();
    assert.match(await visit(host, controller.port, ["-tls1_3", "-quiet"]), /\{"type":"refused","reason":"noToken"\}/);
    assert.match(await visit(host, controller.port, ["-tls1_2"]), /alert protocol version/);
    assert.deepEqual(
      [...controller.listener.refusals].toSorted(([a], [b]) => a.localeCompare(b)),
      [
        ["handshake", 1],
        ["noToken", 1],
      ],
    );
    assert.match(await visit(host, controller.port, ["-tls1_3"]), /TLSv1\.3[\s\S]*noToken/, "still there");
    assert.deepEqual(controller.server.clients, []);
  });
}
