/**
 * 1,000 HTTPRoutes and 5,000 endpoints created at once, until a client is answered by all of them; then one change in that
 * state, as a client sees it. And who must not see any of it at the config stream.
 */
import assert from "node:assert/strict";
import { get } from "node:http";
import { connect } from "node:tls";
import { after, before, test } from "node:test";
import { encodeFrame, FrameDecoder } from "#src/config/stream/frame.ts";
import { openKubeClient } from "#src/kube/client.ts";
import { HOME, Installation } from "#src/testing/installation.ts";
import { addressOf, apply, kubectl } from "#src/testing/kubectl.ts";
import { until } from "#src/testing/until.ts";

const SITE = "fairway-e2e-scale";
const ROUTES = 1000;
const ENDPOINTS_EACH = 5;
const GATEWAY = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: front, namespace: ${SITE} }
spec:
  gatewayClassName: fairway
  listeners: [{ name: http, protocol: HTTP, port: 80 }]
`;

let fairway: Installation;
let front = "";

before(async () => {
  fairway = await Installation.serving(SITE, GATEWAY);
  front = await addressOf(SITE, "front");
});

after(() => fairway[Symbol.asyncDispose]());

/** Answered by the edge of the route alone, so that the application is not what is measured. */
const route = (index: number, value: string): object => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name: `route-${index}`, namespace: SITE },
  spec: {
    parentRefs: [{ name: "front" }],
    hostnames: [`host-${index}.scale.test`],
    rules: [
      {
        matches: [{ path: { type: "Exact", value: "/where" } }],
        filters: [{ type: "RequestRedirect", requestRedirect: { hostname: `${value}.test`, statusCode: 302 } }],
      },
      { backendRefs: [{ name: `backend-${index}`, port: 80 }] },
    ],
  },
});

const backend = (index: number): object[] => [
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: `backend-${index}`, namespace: SITE },
    spec: { clusterIP: "None", ports: [{ name: "http", port: 80, targetPort: 8080 }] },
  },
  {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `backend-${index}-own`,
      namespace: SITE,
      labels: { "kubernetes.io/service-name": `backend-${index}` },
    },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    // For documentation (RFC 5737): nobody is asked there.
    endpoints: Array.from({ length: ENDPOINTS_EACH }, (_, each) => ({
      addresses: [`192.0.2.${(index * ENDPOINTS_EACH + each) % 256}`],
      conditions: { ready: true },
    })),
  },
];

/** Where the route sends a client; undefined: it is not served. */
function where(index: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const headers = { host: `host-${index}.scale.test` };
    get({ host: front, port: 80, path: "/where", headers, agent: false, timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 302 ? response.headers.location : undefined);
    }).on("error", () => resolve(undefined));
  });
}

const list = (items: readonly object[]): string => JSON.stringify({ apiVersion: "v1", kind: "List", items });

test(`${ROUTES} routes with ${ROUTES * ENDPOINTS_EACH} endpoints at once; then one change, as a client sees it`, async () => {
  const indexes = Array.from({ length: ROUTES }, (_, index) => index);
  await apply(list(indexes.flatMap(backend)));
  const begun = performance.now();
  await apply(list(indexes.map((index) => route(index, "first"))));
  const created = performance.now();
  for (const index of indexes.toReversed())
    await until(`route ${index}`, async () => ((await where(index)) === undefined ? undefined : true), 60_000);
  const served = performance.now();
  console.log(
    `kubectl took ${Math.round(created - begun)} ms; all were served ${Math.round(served - created)} ms after that at the latest`,
  );
  await until(
    "the last status",
    async () => {
      const path = `{.items[*].status.parents[0].conditions[?(@.type=="fairway.dev/Programmed")].status}`;
      const said = await kubectl("-n", SITE, "get", "httproutes", "-o", `jsonpath=${path}`);
      return said.split(" ").filter((one) => one === "True").length === ROUTES || undefined;
    },
    120_000,
  );
  console.log(`every status is written ${Math.round(performance.now() - created)} ms after that`);

  const times: number[] = [];
  for (let turn = 0; turn < 20; turn++) {
    const value = `turn-${turn}`;
    // What kubectl takes to start is not the product's time: the change is sent by a connection that is open.
    const sentAt = await patch(turn * 7, value);
    await until("the change", async () =>
      (await where(turn * 7)) === `http://${value}.test/where` ? true : undefined,
    );
    times.push(performance.now() - sentAt);
  }
  const inOrder = times.toSorted((a, b) => a - b).map(Math.round);
  console.log(`one change: ${inOrder[0]} ms at best, ${inOrder[10]} in the middle, ${inOrder.at(-1)} at worst`);
  console.log(await figures());
  assert.ok(inOrder[10]! < 1000);
});

/** Of each controller, how long it takes to translate with all that is there, and its memory. */
async function figures(): Promise<string> {
  const selector = "app.kubernetes.io/component=controller";
  const said = await kubectl("-n", HOME, "get", "pods", "-l", selector, "-o", "jsonpath={.items[*].status.podIP}");
  const all = said.split(" ").map(async (address) => {
    const text = await (await fetch(`http://${address}:9646/metrics`)).text();
    const value = (series: string): number =>
      Number(
        text
          .split("\n")
          .find((line) => line.startsWith(`${series} `))
          ?.slice(series.length + 1),
      );
    const of = (part: string): number => value(`fairway_reconcile_duration_seconds_${part}{kind="configuration"}`);
    const meanMs = Math.round((1000 * of("sum")) / of("count"));
    return `${meanMs} ms to translate, ${Math.round(value("process_resident_memory_bytes") / 1e6)} MB`;
  });
  return (await Promise.all(all)).join("; ");
}

/** When the API server had the change, in milliseconds of the clock. */
async function patch(index: number, value: string): Promise<number> {
  const client = openKubeClient({});
  if (typeof client === "string") throw new Error(client);
  using _client = client;
  const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${SITE}/httproutes/route-${index}`;
  const body = { type: "application/merge-patch+json", value: route(index, value) };
  const reply = await client.request({ method: "PATCH", path, body });
  assert.equal(reply.status, 200);
  return performance.now();
}

/** What the config stream says to the token, to its end or to the first update. */
async function firstWord(token: string): Promise<string> {
  const [ca, address] = await Promise.all([
    kubectl("-n", HOME, "get", "secret", "fairway-stream", "-o", "jsonpath={.data.ca\\.crt}"),
    controllerAddress(),
  ]);
  const socket = connect({
    host: address,
    port: 9647,
    ca: Buffer.from(ca, "base64"),
    servername: `fairway-controller-stream.${HOME}.svc`,
  });
  const decoder = new FrameDecoder(1 << 26);
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.on("error", reject).on("close", () => resolve("closed without a word"));
      socket.on("data", (chunk: Buffer) => {
        for (const frame of decoder.push(chunk) as { type: string; reason?: string }[])
          if (frame.type === "update" || frame.type === "refused")
            resolve(`${frame.type} ${frame.reason ?? ""}`.trim());
      });
      socket.write(encodeFrame({ type: "token", token }));
      socket.write(encodeFrame({ type: "hello", protocol: 1, client: "balancer", follow: true, have: {} }));
    });
  } finally {
    socket.destroy();
  }
}

function controllerAddress(): Promise<string> {
  const selector = "app.kubernetes.io/component=controller";
  return kubectl("-n", HOME, "get", "pods", "-l", selector, "-o", "jsonpath={.items[0].status.podIP}");
}

/** A token as the kubelet would project it into the pod. */
async function tokenOf(component: string, audience: string): Promise<string> {
  const selector = `app.kubernetes.io/component=${component}`;
  const name = await kubectl("-n", HOME, "get", "pods", "-l", selector, "-o", "jsonpath={.items[0].metadata.name}");
  const bound = [`--bound-object-kind=Pod`, `--bound-object-name=${name}`];
  return (
    await kubectl("-n", HOME, "create", "token", `fairway-${component}`, `--audience=${audience}`, ...bound)
  ).trim();
}

const ACCOUNTS = [
  ["balancer", "fairway-config", "update"],
  ["edge", "fairway-config", "update"],
  ["dns", "fairway-config", "update"],
  ["resolver", "fairway-config", "refused noPlane"],
  ["controller", "fairway-config", "refused noPlane"],
  ["balancer", "https://kubernetes.default.svc.cluster.local", "refused audience"],
] as const;

for (const [component, audience, word] of ACCOUNTS) {
  test(`the config stream says "${word}" to a token of ${component} for ${audience}`, async () => {
    assert.equal(await firstWord(await tokenOf(component, audience)), word);
  });
}

test("a token that is bound to no pod is refused", async () => {
  const unbound = await kubectl("-n", HOME, "create", "token", "fairway-balancer", "--audience=fairway-config");
  assert.equal(await firstWord(unbound.trim()), "refused claims");
});
