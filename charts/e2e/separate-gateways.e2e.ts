/** Two Gateways with the same port and host never mix; one that is deleted is gone, and one made again serves as before. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { demoApplication } from "#src/testing/demo-application.ts";
import { Installation } from "#src/testing/installation.ts";
import { addressOf, here, kubectl, onLan, waitFor } from "#src/testing/kubectl.ts";
import { until } from "#src/testing/until.ts";

const HOST = "www.same.test";
const TEAMS = ["red", "blue"] as const;
const spaceOf = (team: string): string => `fairway-e2e-${team}`;

const objects = (team: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: front, namespace: ${spaceOf(team)} }
spec:
  gatewayClassName: fairway
  listeners:
    - { name: http, protocol: HTTP, port: 80, hostname: ${HOST} }
    - { name: tcp, protocol: TCP, port: 9000 }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: site, namespace: ${spaceOf(team)} }
spec:
  parentRefs: [{ name: front, sectionName: http }]
  hostnames: [${HOST}]
  rules: [{ backendRefs: [{ name: ${team}, port: 80 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: { name: echo, namespace: ${spaceOf(team)} }
spec:
  parentRefs: [{ name: front, sectionName: tcp }]
  rules: [{ backendRefs: [{ name: ${team}, port: 80 }] }]
`;

let fairway: Installation;

before(async () => {
  fairway = await Installation.make();
  for (const team of TEAMS)
    await fairway.apply(spaceOf(team), demoApplication({ namespace: spaceOf(team), name: team }));
  for (const team of TEAMS) await fairway.apply(spaceOf(team), objects(team));
  for (const team of TEAMS) await waitFor("Available", spaceOf(team), `deployment/${team}`);
});

after(() => fairway[Symbol.asyncDispose]());

/** Of HTTP by its host, and of TCP at its port: which team's application answers. */
async function answers(address: string): Promise<string[]> {
  const said: string[] = [];
  for (const place of [here, onLan]) {
    for (const port of [80, 9000]) {
      const flags = ["-sS", "-m", "5", "--connect-to", `::${address}:${port}`];
      said.push(await place("curl", ...flags, `http://${HOST}/`));
    }
  }
  return [...new Set(said)];
}

const right = (team: string): string[] => [`${team} has / of ${HOST}\n`];

test("each address leads to its own team's application", async () => {
  for (let round = 0; round < 5; round++) {
    for (const team of TEAMS) assert.deepEqual(await answers(await addressOf(spaceOf(team), "front")), right(team));
  }
});

test("one is deleted: its Service goes, and the other serves on; made again, it serves as before", async () => {
  const space = spaceOf("red");
  for (let round = 0; round < 3; round++) {
    const gone = await addressOf(space, "front");
    await kubectl("-n", space, "delete", "gateway", "front");
    await until("that its Service has gone", async () =>
      (await kubectl(
        "-n",
        space,
        "get",
        "services,endpointslices",
        "-l",
        "app.kubernetes.io/managed-by=fairway.dev",
        "-o",
        "name",
      )) === ""
        ? true
        : undefined,
    );
    await until("that nobody is at its address", async () => {
      try {
        await here("curl", "-sS", "-m", "2", `http://${gone}/`);
        return undefined;
      } catch {
        return true;
      }
    });
    assert.deepEqual(await answers(await addressOf(spaceOf("blue"), "front")), right("blue"));
    await fairway.apply(space, objects("red"));
    assert.deepEqual(await answers(await addressOf(space, "front")), right("red"));
  }
});
