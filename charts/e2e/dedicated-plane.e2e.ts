/** A DataPlane with pods of its own: a Gateway is served by these alone, moves to the shared ones and back, and they go with it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { HOME, Installation } from "#src/testing/installation.ts";
import { addressOf, getObject, here, kubectl, onLan } from "#src/testing/kubectl.ts";
import { until } from "#src/testing/until.ts";

const TEAM = "fairway-e2e-team";
const gateway = (className: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: own, namespace: ${TEAM} }
spec:
  gatewayClassName: ${className}
  listeners: [{ name: http, protocol: HTTP, port: 80 }]
`;
const OBJECTS = `
apiVersion: fairway.dev/v1alpha1
kind: DataPlane
metadata: { name: team, namespace: ${HOME} }
spec:
  engine: balancer
  mode: dedicated
  workload: { kind: Deployment, replicas: 1 }
  service: { type: ClusterIP }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: fairway-e2e-team }
spec:
  controllerName: fairway.dev/gateway
  parametersRef: { group: fairway.dev, kind: DataPlane, name: team, namespace: ${HOME} }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: site, namespace: ${TEAM} }
spec:
  parentRefs: [{ name: own }]
  rules: [{ backendRefs: [{ name: web, port: 80 }] }]
`;

let fairway: Installation;

before(async () => {
  fairway = await Installation.serving(TEAM, OBJECTS);
});

after(async () => {
  await kubectl("delete", "gatewayclass", "fairway-e2e-team", "--ignore-not-found");
  await fairway[Symbol.asyncDispose]();
});

interface List {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly podIP?: string };
  }[];
}

const ofPlane = ["-n", HOME, "-l", "app.kubernetes.io/component=dedicated"];
const podsOfPlane = async (): Promise<List["items"]> => (await getObject<List>(...ofPlane, "pods")).items;

interface Slices {
  readonly items: readonly { readonly endpoints: readonly { readonly addresses: readonly string[] }[] | null }[];
}

/** Where the Gateway's Service leads. */
async function endpoints(): Promise<string[]> {
  const { items } = await getObject<Slices>(
    "-n",
    TEAM,
    "endpointslices",
    "-l",
    "gateway.networking.k8s.io/gateway-name=own",
  );
  return items.flatMap((slice) => (slice.endpoints ?? []).flatMap(({ addresses }) => addresses)).toSorted();
}

async function isServed(): Promise<void> {
  const address = await addressOf(TEAM, "own");
  for (const place of [here, onLan]) {
    assert.equal(await place("curl", "-sS", "-m", "5", `http://${address}/a`), `web has /a of ${address}\n`);
  }
}

test("its own pod serves the Gateway, and no other", async () => {
  await fairway.apply(TEAM, gateway("fairway-e2e-team"));
  await isServed();
  const pods = await podsOfPlane();
  assert.equal(pods.length, 1);
  assert.deepEqual(await endpoints(), [pods[0]!.status.podIP]);
  const made = await kubectl("get", ...ofPlane, "deployments,poddisruptionbudgets,serviceaccounts", "-o", "name");
  assert.equal(made.trim().split("\n").length, 3, made);
});

test("the Gateway moves to the shared pods, and its own ones go", async () => {
  // A Gateway's class is changed in place by taking another: the Service is another too.
  await fairway.apply(TEAM, gateway("fairway"));
  await until(
    "that the shared pods are its endpoints",
    async () => ((await endpoints()).length === 2 ? true : undefined),
    60_000,
  );
  await until("that its pods have gone", async () => ((await podsOfPlane()).length === 0 ? true : undefined), 120_000);
  await isServed();
  assert.equal(await kubectl("get", ...ofPlane, "deployments,poddisruptionbudgets,serviceaccounts", "-o", "name"), "");
});

test("and back", async () => {
  await fairway.apply(TEAM, gateway("fairway-e2e-team"));
  await until("its own pod", async () => ((await podsOfPlane()).length === 1 ? true : undefined), 60_000);
  const [pod] = await podsOfPlane();
  await until(
    "that it alone is the endpoint",
    async () => {
      const now = (await podsOfPlane())[0]?.status.podIP;
      return (await endpoints()).join() === now ? true : undefined;
    },
    90_000,
  );
  assert.ok(pod !== undefined);
  await isServed();
});
