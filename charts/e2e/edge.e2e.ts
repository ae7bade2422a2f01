/** A Gateway of class `fairway-edge`: what the application lets be kept is answered from the cache, and nothing else is. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Installation } from "#src/testing/installation.ts";
import { addressOf, here, onLan, type Place } from "#src/testing/kubectl.ts";

const SITE = "fairway-e2e-site";
const OBJECTS = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: cdn, namespace: ${SITE} }
spec:
  gatewayClassName: fairway-edge
  listeners: [{ name: http, protocol: HTTP, port: 80 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: site, namespace: ${SITE} }
spec:
  parentRefs: [{ name: cdn }]
  rules: [{ backendRefs: [{ name: web, port: 80 }] }]
`;

let fairway: Installation;
let address = "";

before(async () => {
  fairway = await Installation.serving(SITE, OBJECTS);
  address = await addressOf(SITE, "cdn");
});

after(() => fairway[Symbol.asyncDispose]());

const ask = (place: Place, path: string): Promise<string> =>
  place("curl", "-sS", "-m", "5", "-w", "%header{cache-status}", `http://${address}${path}`);

for (const [name, place] of [
  ["this machine", here],
  ["a host of the network", onLan],
] as const) {
  test(`${name} is answered from the cache from the third question on, whichever of the two pods it comes to`, async () => {
    const path = `/cached/${place === here ? "here" : "there"}`;
    const answers: string[] = [];
    for (let asked = 0; asked < 20; asked++) answers.push(await ask(place, path));
    assert.deepEqual(
      answers.filter((answer) => !answer.startsWith(`web has ${path} of ${address}\n`)),
      [],
    );
    const hits = answers.filter((answer) => /; *hit/.test(answer)).length;
    assert.ok(hits >= 18, `${hits} of 20 are hits: each pod fetches once`);
  });
}

test("what may not be kept is fetched each time", async () => {
  const answers = await Promise.all(Array.from({ length: 6 }, () => ask(here, "/kept-by-nobody")));
  for (const answer of answers) assert.doesNotMatch(answer, /; *hit/);
});
