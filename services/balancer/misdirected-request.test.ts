/** Requests for other hosts than a TLS connection was made for, by HTTP/1.1 and HTTP/2 clients (RFC 9110 section 15.5.20). */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectH2, type IncomingHttpHeaders } from "node:http2";
import { type IncomingMessage, request as requestH1 } from "node:http";
import { connect as connectTls } from "node:tls";
import { after, before, test } from "node:test";
import type { Entry, HttpFilterConfig, HttpRouteConfig, PortConfig } from "#src/config/model.ts";
import { toEntry } from "#src/config/stream/entry.ts";
import { createCertificate } from "#src/net/self-signed.ts";
import { freePort, ServiceProcess } from "#src/testing/service-process.ts";

const stack = new AsyncDisposableStack();
let service: ServiceProcess;
let port: number;

const listenerId = (hostname: string): string => `test/front/${hostname}`;

/** Listeners of the host names, each with a certificate that is good for all of them and a route that names it. */
function configuration(hostnames: readonly string[]): Entry[] {
  const value: PortConfig = {
    kind: "port",
    engine: "balancer",
    port,
    publicPort: port,
    protocol: "HTTPS",
    addresses: [],
    listeners: hostnames.map((hostname) => ({
      id: listenerId(hostname),
      gateway: "test/front",
      hostname,
      certificates: ["certificate/test/all"],
    })),
  };
  return [
    CERTIFICATE,
    toEntry(`port/balancer/TCP/${port}`, value),
    ...hostnames.map((hostname) => toEntry(`httproute/test/route-${hostname}`, routeOf(hostname))),
  ];
}

/** Redirects to a host that names the listener: no backend is needed to see who has answered. */
function routeOf(hostname: string): HttpRouteConfig {
  const redirect: HttpFilterConfig = {
    type: "RequestRedirect",
    scheme: "",
    hostname: answerOf(hostname),
    port: 443,
    path: undefined,
    status: 302,
  };
  const match = { path: { type: "PathPrefix", value: "/" }, method: "", headers: [], queryParams: [] } as const;
  return {
    kind: "httpRoute",
    id: `test/${hostname}`,
    createdAt: "",
    attachments: [{ listener: listenerId(hostname), hostnames: [hostname] }],
    rules: [
      { name: "", matches: [match], filters: [redirect], backends: [], requestTimeoutMs: 0, backendTimeoutMs: 0 },
    ],
  };
}

const answerOf = (hostname: string): string => (hostname === "" ? "any" : hostname.replace("*", "wild"));

const CERTIFICATE = ((): Entry => {
  const now = Date.now();
  const { certificatePem, keyPem } = createCertificate({
    names: ["a.test", "b.test", "*.w.test"],
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + 3_600_000),
  });
  return toEntry("certificate/test/all", { kind: "certificate", chainPem: certificatePem, keyPem });
})();

before(async () => {
  port = await freePort();
  service = stack.use(await ServiceProcess.start("balancer", [], configuration([])));
});
after(() => stack.disposeAsync());

/** Who answers, or with which status. */
const answer = (status: number, location: string | undefined): string =>
  location === undefined ? String(status) : new URL(location).hostname;

interface Client extends AsyncDisposable {
  /** All requests go over one connection. */
  readonly ask: (host: string) => Promise<string>;
}

type Open = (address: string, serverName: string) => Promise<Client>;

const openH1: Open = async (address, servername) => {
  const socket = connectTls({ host: address, port, servername, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  return {
    ask: async (host) => {
      const asked = requestH1({ createConnection: () => socket, headers: { host, connection: "keep-alive" } });
      const response = once(asked, "response");
      asked.end();
      const [message] = (await response) as [IncomingMessage];
      await message.toArray();
      return answer(message.statusCode ?? 0, message.headers.location);
    },
    [Symbol.asyncDispose]: async () => void socket.destroy(),
  };
};

const openH2: Open = async (address, servername) => {
  const authority = address.includes(":") ? `[${address}]` : address;
  const session = connectH2(`https://${authority}:${port}`, { servername, rejectUnauthorized: false });
  await once(session, "connect");
  return {
    ask: async (host) => {
      const stream = session.request({ ":authority": host, ":path": "/" });
      const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status"?: number }];
      stream.resume();
      return answer(headers[":status"] ?? 0, headers.location);
    },
    [Symbol.asyncDispose]: async () => session.destroy(),
  };
};

const CLIENTS: readonly [name: string, address: string, open: Open][] = [
  ["HTTP/1.1 over IPv4", "127.0.0.1", openH1],
  ["HTTP/1.1 over IPv6", "::1", openH1],
  ["HTTP/2 over IPv4", "127.0.0.1", openH2],
  ["HTTP/2 over IPv6", "::1", openH2],
];

/** By listeners, then by SNI ("" sends none): who answers the hosts, in this order on one connection. */
const CASES: readonly [
  listeners: readonly string[],
  serverName: string,
  answers: readonly (readonly [host: string, answer: string])[],
][] = [
  [
    ["", "a.test", "*.w.test", "x.w.test"],
    "a.test",
    [
      ["a.test", "a.test"],
      ["A.Test:8443", "a.test"],
      ["a.test.", "a.test"],
      ["x.w.test", "421"],
      ["y.w.test", "421"],
      ["b.test", "421"],
      ["a.test", "a.test"],
    ],
  ],
  [
    ["", "a.test", "*.w.test", "x.w.test"],
    "Y.W.test",
    [
      ["y.w.test", "wild.w.test"],
      ["z.y.w.test", "wild.w.test"],
      ["x.w.test", "421"],
      ["X.W.TEST", "421"],
      ["w.test", "421"],
      ["Z.w.test", "wild.w.test"],
    ],
  ],
  [
    ["", "a.test", "*.w.test", "x.w.test"],
    "x.w.test",
    [
      ["x.w.test", "x.w.test"],
      ["y.w.test", "421"],
    ],
  ],
  [
    ["", "a.test"],
    "",
    [
      ["b.test", "any"],
      ["192.0.2.1", "any"],
      ["[2001:db8::1]", "any"],
      ["a.test", "421"],
    ],
  ],
  [
    ["", "a.test"],
    "b.test",
    [
      ["c.test", "any"],
      ["a.test", "421"],
    ],
  ],
  [
    ["a.test", "b.test"],
    "a.test",
    [
      ["b.test", "421"],
      ["c.test", "404"],
      ["a.test", "a.test"],
    ],
  ],
  [
    [""],
    "a.test",
    [
      ["b.test", "any"],
      ["a.test", "any"],
    ],
  ],
  [
    ["*.w.test"],
    "x.w.test",
    [
      ["y.w.test", "wild.w.test"],
      ["a.test", "404"],
    ],
  ],
];

for (const [name, address, open] of CLIENTS) {
  test(`${name}: a host of another listener gets 421, one of none 404`, async () => {
    for (const [listeners, serverName, answers] of CASES) {
      await service.publish(configuration(listeners));
      await using client = await open(address, serverName);
      for (const [host, wanted] of answers) {
        assert.equal(await client.ask(host), wanted, `SNI "${serverName}", host ${host}, ${listeners.join(" ")}`);
      }
    }
  });

  test(`${name}: a connection stays with the listener of its name when listeners change`, async () => {
    await service.publish(configuration(["*.w.test", "b.test"]));
    await using client = await open(address, "x.w.test");
    assert.equal(await client.ask("y.w.test"), "wild.w.test");
    await service.publish(configuration(["*.w.test", "x.w.test"]));
    assert.equal(await client.ask("y.w.test"), "421");
    assert.equal(await client.ask("x.w.test"), "x.w.test");
    await service.publish(configuration(["b.test"]));
    assert.equal(await client.ask("b.test"), "421");
    assert.equal(await client.ask("x.w.test"), "404");
  });
}
