import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { type TokenFields, TokenIssuer } from "#src/testing/token-issuer.ts";
import { type TokenFault, TokenVerifier } from "./token-verifier.ts";

const issuer = new TokenIssuer();
const verifier = new TokenVerifier();
assert.equal(verifier.setKeys(issuer.jwks, issuer.issuer), undefined);

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

for (const algorithm of ["RS256", "ES256"] as const) {
  test(`${algorithm}: the pod that the token is bound to`, async () => {
    const other = new TokenIssuer(algorithm);
    const own = new TokenVerifier();
    assert.equal(own.setKeys(other.jwks, other.issuer), undefined);
    const verdict = await own.verify(other.token({ namespace: "shop", podName: "edge-7", podUid: "u", expires: 600 }));
    assert.ok("identity" in verdict);
    assert.deepEqual(verdict.identity, {
      namespace: "shop",
      serviceAccount: "balancer",
      podName: "edge-7",
      podUid: "u",
      nodeName: "node1",
    });
    assert.ok(Math.abs(verdict.expiresAt - Date.now() - 600_000) < 2000);
  });
}

test("an API server that does not name the node", async () => {
  const verdict = await verifier.verify(issuer.token({ nodeName: "" }));
  assert.equal("identity" in verdict && verdict.identity.nodeName, "");
});

const FAULTS: readonly (readonly [string, TokenFields, TokenFault | undefined])[] = [
  ["expired", { expires: -60 }, "expired"],
  ["expired, but within the skew of clocks", { expires: -10 }, undefined],
  ["not valid yet", { notBefore: 60 }, "notYetValid"],
  ["not valid yet, but within the skew of clocks", { notBefore: 10 }, undefined],
  ["for the API server", { audience: "https://kubernetes.default.svc" }, "audience"],
  ["of another cluster", { issuer: "https://elsewhere" }, "issuer"],
  ["of an unknown key", { header: { kid: "other" } }, "unknownKey"],
  ["with another algorithm than the key's", { header: { alg: "RS256" } }, "unknownKey"],
  ["with an algorithm that is not allowed", { header: { alg: "PS256" } }, "algorithm"],
  ["that never ends", { claims: { exp: undefined } }, "claims"],
  ["bound to no pod", { claims: { "kubernetes.io": { namespace: "a", serviceaccount: { name: "b" } } } }, "claims"],
  ["of a pod without a name", { podName: "", podUid: "u" }, "claims"],
  ["without Kubernetes' claim", { claims: { "kubernetes.io": "balancer" } }, "claims"],
];

for (const [what, fields, fault] of FAULTS) {
  test(`a token ${what}: ${fault ?? "accepted"}`, async () => {
    const verdict = await verifier.verify(issuer.token(fields));
    assert.equal("fault" in verdict ? verdict.fault : undefined, fault);
  });
}

test("what is no token, is not signed, or was changed", async () => {
  const [header, claims, signature] = issuer.token().split(".");
  const forged = encode({ ...JSON.parse(Buffer.from(claims!, "base64url").toString()), sub: "system:admin" });
  const hmac = `${encode({ alg: "HS256", kid: issuer.keyId })}.${claims}`;
  const hmacSignature = createHmac("sha256", JSON.stringify(issuer.jwks.keys[0])).update(hmac).digest("base64url");
  const cases: readonly (readonly [string, TokenFault])[] = [
    ["", "malformed"],
    ["a.b.c", "malformed"],
    [`${header}.${claims}`, "malformed"],
    ["x".repeat(20_000), "malformed"],
    [`${encode({ alg: "none" })}.${claims}.`, "algorithm"],
    [`${hmac}.${hmacSignature}`, "algorithm"],
    [`${header}.${forged}.${signature}`, "signature"],
  ];
  for (const [token, fault] of cases) assert.deepEqual(await verifier.verify(token), { fault }, token.slice(0, 40));
});

test("keys: none at first, bad ones leave those before, and others take their place", async () => {
  const fresh = new TokenVerifier();
  assert.deepEqual(await fresh.verify(issuer.token()), { fault: "noKeys" });
  for (const bad of [undefined, {}, { keys: [] }, { keys: [1] }, { keys: [{}] }]) {
    assert.equal(fresh.setKeys(bad, issuer.issuer), "not a JSON Web Key Set with at least one key");
  }
  assert.equal(fresh.hasKeys, false);
  assert.equal(fresh.setKeys(issuer.jwks, ""), "the issuer is empty");
  fresh.setKeys(issuer.jwks, issuer.issuer);
  assert.equal(fresh.setKeys({ keys: [] }, issuer.issuer) === undefined, false);
  assert.ok("identity" in (await fresh.verify(issuer.token())));
  const next = new TokenIssuer("RS256", "2");
  fresh.setKeys({ keys: [...issuer.jwks.keys, ...next.jwks.keys] }, issuer.issuer);
  assert.ok("identity" in (await fresh.verify(next.token())));
  fresh.setKeys(next.jwks, issuer.issuer);
  assert.deepEqual(await fresh.verify(issuer.token()), { fault: "unknownKey" });
});
