/** Our own validation of our own kinds, and that of the API server that KUBECONFIG names: the same verdict on the same objects. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { Agent, request } from "node:https";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { createCertificate } from "#src/net/self-signed.ts";
import { changed, valuesOf } from "#src/testing/schema-values.ts";
import { makeDecoder } from "./decode.ts";
import { apiVersionOf, type Kind } from "./kind.ts";
import { KINDS } from "./resource.ts";
import { formatPath } from "./schema.ts";

const OWN_KINDS = Object.values(KINDS).filter(({ group }) => group === "fairway.dev");
const OBJECTS = 500;
/** So that neither verdict is the rare one. */
const LEAST_OF_EACH = 125;
const SEED = 5;

const kubectl = (...args: readonly string[]): string => execFileSync("kubectl", args, { encoding: "utf8" });

const pem = (text: string | undefined): Buffer => Buffer.from(text ?? "", "base64");

interface KubeConfig {
  readonly clusters: readonly [{ readonly cluster: Readonly<Record<string, string>> }];
  readonly users: readonly [{ readonly user: Readonly<Record<string, string>> }];
}

let agent = new Agent();
let server = "";

before(() => {
  kubectl("apply", "--server-side", "--force-conflicts", "-f", "manifests/crds");
  for (const { plural, group } of OWN_KINDS) {
    kubectl("wait", "--for=condition=Established", "--timeout=30s", `crd/${plural}.${group}`);
  }
  const { clusters, users } = JSON.parse(
    kubectl("config", "view", "--raw", "--flatten", "--minify", "-o", "json"),
  ) as KubeConfig;
  const { cluster } = clusters[0];
  const { user } = users[0];
  server = cluster["server"]!;
  agent = new Agent({
    keepAlive: true,
    maxSockets: 4,
    ca: pem(cluster["certificate-authority-data"]),
    cert: pem(user["client-certificate-data"]),
    key: pem(user["client-key-data"]),
  });
});

after(() => agent.destroy());

/** Undefined: it would be stored. Else what the API server says against it. */
async function askServer({ plural, group, versions }: Kind, object: unknown): Promise<string | undefined> {
  const url = `${server}/apis/${group}/${versions[0]}/namespaces/default/${plural}?dryRun=All&fieldValidation=Strict`;
  const body = JSON.stringify(object);
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const asked = request(
      url,
      { agent, method: "POST", headers: { "content-type": "application/json" } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      },
    );
    asked.on("error", reject);
    asked.end(body);
  });
  if (status === 201) return undefined;
  const { message } = JSON.parse(text) as { message: string };
  assert.ok(status === 400 || status === 422, `${status}: ${message}`);
  return message;
}

const ADDRESSES = ["192.0.2.1", "198.51.100.255", "2001:db8::1", "2001:DB8::1", "::", "::192.0.2.1"];

type Fields = Record<string, unknown>;

/** What the rules of a kind leave of what its structure allows: few values would meet them by chance. */
const MENDED: Readonly<Record<string, (spec: Fields) => Fields>> = {
  DataPlane: (spec) => without(spec, spec["engine"] === "balancer" ? ["cache"] : ["tcp", "udp"]),
  Zone: (spec) => {
    if (spec["zoneFile"] !== undefined && spec["nameServers"] === undefined) return without(spec, ["records"]);
    const records = (spec["records"] ?? []) as readonly Fields[];
    const mended = records.map((record) =>
      record["backendRef"] === undefined ? { type: "TXT", data: ["a"], ...record } : without(record, ["type", "data"]),
    );
    return { nameServers: ["ns"], ...without(spec, ["zoneFile"]), records: mended };
  },
  Backend: (spec) => {
    const endpoints = (spec["endpoints"] as readonly Fields[]).map((endpoint, index) => ({
      ...endpoint,
      address: ADDRESSES[(index + Number(endpoint["port"])) % ADDRESSES.length],
    }));
    const health = spec["health"] as Fields | undefined;
    return { ...spec, endpoints, ...(health && { health: { ...health, interval: "10s", timeout: "100ms" } }) };
  },
};

function without(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

/** One in four is as it should be, as far as we know; the others have been changed in one place or two. */
function objectsOf(kind: Kind): fc.Arbitrary<unknown> {
  const specs = valuesOf(kind.schema().properties!["spec"]!);
  const good = specs.map((spec) => ({
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { name: "a" },
    spec: MENDED[kind.kind]!(spec as Fields),
  }));
  const once = good.chain((object) => changed(object.spec).map((spec) => ({ ...object, spec })));
  const twice = once.chain((object) => changed(object.spec).map((spec) => ({ ...object, spec })));
  const named = good.chain((object) => changed(object.metadata).map((metadata) => ({ ...object, metadata })));
  return fc.oneof(
    { weight: 4, arbitrary: good },
    { weight: 7, arbitrary: once },
    { weight: 3, arbitrary: twice },
    named,
  );
}

/** The one thing that no schema can say, and that we ask all the same: that a text is a certificate. */
const CERTIFICATE = createCertificate({
  names: ["a.test"],
  notBefore: new Date(0),
  notAfter: new Date(4e12),
}).certificatePem;

function useCertificate(object: unknown): void {
  const { spec } = object as { spec?: { tls?: { ca?: unknown } | null } | null };
  if (typeof spec?.tls?.ca === "string" && spec.tls.ca !== "") spec.tls.ca = CERTIFICATE;
}

test(`${OBJECTS} generated objects have the same verdict here and at the API server`, async () => {
  const decode = makeDecoder();
  const disagreements: string[] = [];
  let [good, bad] = [0, 0];
  const generated = OWN_KINDS.flatMap((kind, index) => {
    const count = Math.ceil((OBJECTS - index) / OWN_KINDS.length);
    return fc.sample(objectsOf(kind), { numRuns: count, seed: SEED }).map((object) => ({ kind, object }));
  });
  for (const { kind, object } of generated) {
    useCertificate(object);
    const refused = await askServer(kind, object);
    const { faults } = decode(structuredClone(object));
    if (refused === undefined) good += 1;
    else bad += 1;
    if ((refused === undefined) === (faults === undefined)) continue;
    const ours = faults?.map(({ path, reason }) => `${formatPath(path)}: ${reason}`).join("; ");
    disagreements.push(`${JSON.stringify(object)}\n  here: ${ours ?? "good"}\n  there: ${refused ?? "good"}`);
  }
  assert.deepEqual(disagreements, [], `${disagreements.length} of ${generated.length}`);
  assert.equal(generated.length, OBJECTS);
  assert.ok(good >= LEAST_OF_EACH && bad >= LEAST_OF_EACH, `${good} good, ${bad} bad`);
});
