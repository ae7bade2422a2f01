/**
 * What fails in a cluster while clients are served: the API server, containers, the controller that leads, a node. The
 * two balancers, the two applications and the two controllers are on two nodes each.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { HOME, Installation } from "#src/testing/installation.ts";
import { addressOf, apply, getObject, kubectl } from "#src/testing/kubectl.ts";
import { runProgram } from "#src/testing/run-program.ts";
import { SteadyLoad } from "#src/testing/steady-load.ts";
import { until } from "#src/testing/until.ts";

const SITE = "fairway-e2e-faults";
const HOST = "www.faults.test";
const OBJECTS = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: front, namespace: ${SITE} }
spec:
  gatewayClassName: fairway
  listeners: [{ name: http, protocol: HTTP, port: 80 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: site, namespace: ${SITE} }
spec:
  parentRefs: [{ name: front }]
  rules: [{ backendRefs: [{ name: web, port: 80 }] }]
`;
/** How long after its kill a container may be missed: until the kubelet has started it again. */
const RESTART_MS = 5000;
const LEASE_MS = 15_000;

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName: string };
  readonly status: {
    readonly containerStatuses: readonly { readonly restartCount: number; readonly ready: boolean }[];
  };
}

let fairway: Installation;
let front = "";

before(async () => {
  fairway = await Installation.serving(SITE, OBJECTS);
  front = await addressOf(SITE, "front");
});

after(() => fairway[Symbol.asyncDispose]());

async function podsOf(component: string): Promise<Pod[]> {
  const selector = `app.kubernetes.io/component=${component}`;
  return (await getObject<{ items: Pod[] }>("-n", HOME, "pods", "-l", selector)).items;
}

function inNode(node: string, ...command: readonly string[]): Promise<string> {
  return runProgram(process.env["FAIRWAY_CLUSTER"]!, ["in", node, ...command]);
}

/** The first process of each container of a pod, as the node sees it; its sandbox's has no parent there that is ours. */
const KILL = `
for group in $(grep -ls "pod$1" /proc/[0-9]*/cgroup); do
  at=\${group%/cgroup}
  case $(readlink "$at/exe") in *pause) continue ;; esac
  [ "$(sed -n 's/^NSpid:.*[[:space:]]//p' "$at/status")" = 1 ] && kill -9 "\${at#/proc/}" && echo "\${at#/proc/}"
done
true`;

/** As when the kernel kills it for want of memory: the kubelet starts it again in the same pod. */
async function killContainer({ metadata, spec }: Pod): Promise<void> {
  const killed = (await inNode(spec.nodeName, "sh", "-c", KILL, "sh", metadata.uid)).trim().split("\n");
  assert.equal(killed.length, 1, `one process of ${metadata.name}: ${killed.join(" ")}`);
}

const AWAY =
  "add table inet away; add chain inet away in { type filter hook input priority -10; }; " +
  "add rule inet away in tcp dport 6443 reject with tcp reset";

/** As when the API server has ended: nobody on any node reaches it. */
async function withoutApi(work: () => Promise<void>): Promise<void> {
  await inNode("node1", "nft", AWAY);
  try {
    await work();
  } finally {
    await inNode("node1", "nft", "delete table inet away");
  }
}

const load = (): SteadyLoad =>
  new SteadyLoad(
    [true, false].map((isFresh) => ({
      name: isFresh ? "fresh" : "kept",
      url: `http://${HOST}/a`,
      isFresh,
      perSecond: 50,
      answer: `web has /a of ${HOST}\n`,
    })),
    { [HOST]: front },
  );

/** Moments, as lines of the load begin with them, that are not within RESTART_MS of a kill. */
function unexplained(wrong: readonly string[], killedAt: readonly number[]): string[] {
  return wrong.filter((line) => {
    const at = Number(line.split(" ")[1]);
    return !killedAt.some((time) => at >= time && at < time + RESTART_MS);
  });
}

async function leader(): Promise<string> {
  return kubectl("-n", HOME, "get", "lease", "fairway-controller", "-o", "jsonpath={.spec.holderIdentity}");
}

async function isAttached(route: string): Promise<true | undefined> {
  const condition = `{.status.parents[0].conditions[?(@.type=="fairway.dev/Programmed")].status}`;
  const said = await kubectl("-n", SITE, "get", "httproute", route, "-o", `jsonpath=${condition}`);
  return said === "True" || undefined;
}

const route = (name: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: ${SITE} }
spec:
  parentRefs: [{ name: front }]
  hostnames: [${name}.faults.test]
  rules: [{ backendRefs: [{ name: web, port: 80 }] }]
`;

test("the API server is away for 60 s; a controller's and a balancer's containers are killed meanwhile", async () => {
  const [controller] = await podsOf("controller");
  const [balancer, other] = await podsOf("balancer");
  await using clients = load();
  await wait(3000);
  const killedAt: number[] = [];
  await withoutApi(async () => {
    const goneAt = performance.now();
    await wait(15_000);
    await killContainer(controller!);
    killedAt.push(Date.now());
    await killContainer(balancer!);
    await wait(60_000 - (performance.now() - goneAt));
  });
  const backAt = performance.now();
  await until("that the API server answers", async () => (await kubectl("version").catch(() => undefined)) && true);
  await apply(route("later"));
  await until("that a change is in use", () => isAttached("later"), 60_000);
  console.log(`a change is in use ${Math.round(performance.now() - backAt)} ms after the API server is back`);
  await wait(3000);
  const { asked, dropped, wrong } = await clients.stop();
  console.log(`${asked} requests, ${dropped} not begun, ${wrong.length} wrong, all while a container was down`);
  assert.deepEqual(unexplained(wrong, killedAt), []);
  assert.ok(wrong.length < 0.7 * 2 * 50 * (RESTART_MS / 1000), "the other balancer served its share");
  const counts = [...(await podsOf("balancer")), ...(await podsOf("controller"))].map(({ metadata, status }) => [
    metadata.name,
    status.containerStatuses[0]!.restartCount,
  ]);
  const restarts = Object.fromEntries(counts) as Record<string, number>;
  assert.deepEqual(
    [balancer, controller, other].map((pod) => restarts[pod!.metadata.name]),
    [1, 1, 0],
  );
});

test("the controller that leads is killed: another leads within the Lease's time, and writes", async () => {
  await until(
    "two controllers",
    async () => {
      const pods = await podsOf("controller");
      return pods.length === 2 && pods.every(({ status }) => status.containerStatuses[0]!.ready) ? true : undefined;
    },
    60_000,
  );
  const last = await leader();
  const pod = (await podsOf("controller")).find(({ metadata }) => last.startsWith(`${metadata.name}_`));
  await using clients = load();
  await wait(1000);
  await killContainer(pod!);
  const killedAt = performance.now();
  await apply(route("meanwhile"));
  await until("another leader", async () => ((await leader()) === last ? undefined : true), 60_000);
  const leads = performance.now() - killedAt;
  await until("the status", () => isAttached("meanwhile"), 60_000);
  const writes = performance.now() - killedAt;
  console.log(`another leads after ${Math.round(leads)} ms, status after ${Math.round(writes)} ms`);
  assert.ok(leads < LEASE_MS + 5000);
  assert.ok(writes - leads < 3000);
  assert.deepEqual((await clients.stop()).wrong, []);
});

async function isAnswered(): Promise<boolean> {
  const said = await runProgram("curl", ["-s", "-m", "1", "-H", `host: ${HOST}`, `http://${front}/a`]).catch(() => "");
  return said === `web has /a of ${HOST}\n`;
}

test("a node stops and starts again: the others serve what its pods served, and they come back", async () => {
  const cluster = process.env["FAIRWAY_CLUSTER"]!;
  await runProgram(cluster, ["stop", "node2"]);
  const stoppedAt = performance.now();
  try {
    // The kubelet has not been heard of for so long: then its pods are endpoints no more.
    await kubectl("wait", "--for=condition=Ready=Unknown", "node/node2", "--timeout=90s");
    const known = performance.now() - stoppedAt;
    await until(
      "twenty right answers in a row",
      async () => {
        for (let i = 0; i < 20; i++) if (!(await isAnswered())) return undefined;
        return true;
      },
      30_000,
    );
    console.log(
      `node2 is NotReady after ${Math.round(known)} ms; all is served ${Math.round(performance.now() - stoppedAt - known)} ms later`,
    );
    await apply(route("away"));
    await until("that a change is in use with one node", () => isAttached("away"), 30_000);
  } finally {
    await runProgram(cluster, ["start", "node2"]);
  }
  const startedAt = performance.now();
  await kubectl("wait", "--for=condition=Ready", "node/node2", "--timeout=90s");
  for (const component of ["balancer", "controller"])
    await kubectl("-n", HOME, "rollout", "status", `deployment/fairway-${component}`, "--timeout=90s");
  await until(
    "both balancers as endpoints",
    async () => {
      const slices = await getObject<{
        items: { addressType: string; endpoints: { conditions: { ready: boolean } }[] }[];
      }>("-n", SITE, "endpointslices", "-l", "gateway.networking.k8s.io/gateway-name=front");
      const ipv4 = slices.items
        .filter(({ addressType }) => addressType === "IPv4")
        .flatMap(({ endpoints }) => endpoints);
      return ipv4.filter(({ conditions }) => conditions.ready).length === 2 || undefined;
    },
    60_000,
  );
  console.log(`its pods serve again ${Math.round(performance.now() - startedAt)} ms after the start`);
});
