/** A certificate's Secret is replaced while connections are open: these go on, and those opened from then on see the next one. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { Installation } from "#src/testing/installation.ts";
import { addressOf } from "#src/testing/kubectl.ts";
import { certificateFor, tlsSecret } from "#src/testing/tls-secret.ts";
import { until } from "#src/testing/until.ts";

const SITE = "fairway-e2e-secret";
const HOST = "www.secret.test";
const CONNECTIONS = 20;
const ROTATIONS = 3;
const OBJECTS = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: front, namespace: ${SITE} }
spec:
  gatewayClassName: fairway
  listeners:
    - { name: https, protocol: HTTPS, port: 443, tls: { certificateRefs: [{ name: site-tls }] } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: site, namespace: ${SITE} }
spec:
  parentRefs: [{ name: front }]
  rules: [{ backendRefs: [{ name: web, port: 80 }] }]
`;

let fairway: Installation;
let address = "";
let certificate = certificateFor(HOST);

before(async () => {
  fairway = await Installation.serving(SITE, tlsSecret(SITE, "site-tls", certificate), OBJECTS);
  address = await addressOf(SITE, "front");
});

after(() => fairway[Symbol.asyncDispose]());

const serialOf = (pem: string): string => new X509Certificate(pem).serialNumber;

const OPTIONS = { servername: HOST, rejectUnauthorized: false };

async function openTls(): Promise<TLSSocket> {
  const socket = connect({ host: address, port: 443, ALPNProtocols: ["http/1.1"], ...OPTIONS });
  await once(socket, "secureConnect");
  return socket;
}

async function openHttp2(): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://${address}`, OPTIONS);
  await once(session, "connect");
  return session;
}

/** One request over a connection that stays; rejects when the connection ends. */
async function askOverTls(socket: TLSSocket): Promise<string> {
  socket.write(`GET /a HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
  let text = "";
  while (!text.endsWith("\n") || !text.includes("\r\n\r\n") || !text.includes("web has")) {
    const [bytes]: unknown[] = await once(socket, "data", { signal: AbortSignal.timeout(5000) });
    text += String(bytes);
  }
  return text.slice(9, 12);
}

async function askOverHttp2(session: ClientHttp2Session): Promise<string> {
  const stream = session.request({ ":path": "/a", ":authority": HOST });
  const [headers] = (await once(stream, "response", { signal: AbortSignal.timeout(5000) })) as [{ ":status": number }];
  stream.resume();
  await once(stream, "end");
  return String(headers[":status"]);
}

async function serialShown(): Promise<string> {
  const socket = await openTls();
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test("open connections of HTTP/1.1 and HTTP/2 outlive rotations, and each next one is shown within seconds", async () => {
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, openTls));
  const sessions = await Promise.all(Array.from({ length: CONNECTIONS }, openHttp2));
  const closed: string[] = [];
  for (const socket of sockets) socket.on("close", () => closed.push("HTTP/1.1"));
  for (const session of sessions)
    session.on("close", () => closed.push("HTTP/2")).on("goaway", () => closed.push("goaway"));
  const stopped = new AbortController();
  const statuses: string[] = [];
  const asking = [
    ...sockets.map((socket) => () => askOverTls(socket)),
    ...sessions.map((session) => () => askOverHttp2(session)),
  ].map(async (ask) => {
    while (!stopped.signal.aborted) {
      statuses.push(await ask());
      await wait(100);
    }
  });
  const rotating = async (): Promise<void> => {
    for (let rotation = 0; rotation < ROTATIONS; rotation++) {
      certificate = certificateFor(HOST);
      const serial = serialOf(certificate.certificatePem);
      await fairway.apply(SITE, tlsSecret(SITE, "site-tls", certificate));
      // Each pod and each of its processes has it: a run of answers, since any may answer.
      let inRow = 0;
      await until("the next certificate", async () => {
        inRow = (await serialShown()) === serial ? inRow + 1 : 0;
        return inRow === 20 || undefined;
      });
    }
    stopped.abort();
  };
  await Promise.all([rotating(), ...asking]);
  assert.deepEqual(closed, []);
  assert.deepEqual([...new Set(statuses)], ["200"]);
  console.log(`${statuses.length} requests over ${2 * CONNECTIONS} connections, ${ROTATIONS} rotations`);
  for (const socket of sockets) socket.destroy();
  for (const session of sessions) session.destroy();
});
