import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makeDecoder } from "./decode.ts";
import { splitDocuments } from "./documents.ts";
import { durationMs } from "./duration.ts";
import { KINDS } from "./resource.ts";
import { formatPath } from "./schema.ts";
import { formatManifest, formatYaml, parseYaml } from "./yaml.ts";

const decode = makeDecoder();

/** `kind`, the object's body in YAML, and its faults; none: it is valid. */
const CASES: readonly (readonly [kind: string, body: string, ...faults: string[]])[] = [
  ["GatewayClass", "spec: {controllerName: fairway.dev/gateway}"],
  ["GatewayClass", "spec: {controllerName: nope}", 'spec.controllerName: "nope" must match pattern'],
  ["Gateway", "spec: {gatewayClassName: a, listeners: [{name: a, port: 80, protocol: HTTP}]}"],
  [
    "Gateway",
    "spec: {gatewayClassName: a, addresses: [{value: 192.0.2.1}], listeners: [{name: a, port: 80, protocol: HTTP}]}",
  ],
  [
    "Gateway",
    "spec: {gatewayClassName: a, addresses: [{value: nowhere}], listeners: [{name: a, port: 80, protocol: HTTP}]}",
    "spec.addresses[0]",
  ],
  ["Gateway", "spec: {gatewayClassName: a, listeners: []}", "spec.listeners: must NOT have fewer than 1 items"],
  [
    "Gateway",
    "spec: {gatewayClassName: a, listeners: [{name: a, port: 0, protocol: HTTP}]}",
    "spec.listeners[0].port: must be >= 1",
  ],
  [
    "Gateway",
    "spec: {gatewayClassName: a, listeners: [{name: a, port: 80, protocol: HTTP, tls: {certificateRefs: [{name: a}]}}]}",
    "spec.listeners: tls must not be specified",
  ],
  [
    "Gateway",
    "spec: {gatewayClassName: a, listeners: [{name: a, port: 80, protocol: TCP, hostname: a.b}]}",
    "spec.listeners: hostname must not be specified",
  ],
  [
    "Gateway",
    "spec: {gatewayClassName: a, listeners: [{name: a, port: 80, protocol: HTTP}, {name: a, port: 81, protocol: HTTP}]}",
    "spec.listeners: two items have the same name",
  ],
  ["HTTPRoute", "spec: {}"],
  ["HTTPRoute", "spec: {rules: [{matches: [{path: {value: /a}}], backendRefs: [{name: a, port: 80}]}]}"],
  ["HTTPRoute", "spec: {rules: [{retry: {attempts: 1}}]}", "spec.rules[0].retry: unknown field"],
  [
    "HTTPRoute",
    "spec: {rules: [{matches: [{path: {value: a}}]}]}",
    "spec.rules[0].matches[0].path: value must be an absolute path",
  ],
  [
    "HTTPRoute",
    "spec: {rules: [{filters: [{type: URLRewrite}]}]}",
    "spec.rules[0].filters[0]: filter.urlRewrite must be specified",
  ],
  [
    "HTTPRoute",
    "spec: {rules: [{filters: [{type: RequestRedirect, requestRedirect: {}}], backendRefs: [{name: a, port: 1}]}]}",
    "spec.rules[0]: RequestRedirect filter must not be used together",
  ],
  ["HTTPRoute", "spec: {rules: [{backendRefs: [{name: a}]}]}", "spec.rules[0].backendRefs[0]: Must have port"],
  [
    "HTTPRoute",
    "spec: {rules: [{timeouts: {request: 1s, backendRequest: 2s}}]}",
    "spec.rules[0].timeouts: backendRequest timeout cannot be longer",
  ],
  ["HTTPRoute", "spec: {parentRefs: [{name: a}, {name: a}]}", "spec.parentRefs: sectionName"],
  [
    "HTTPRoute",
    "spec: {parentRefs: [{name: a, namespace: b, sectionName: c}, {name: a, namespace: b, sectionName: d}]}",
  ],
  ["TCPRoute", "spec: {rules: [{backendRefs: [{name: a, port: 1}]}]}"],
  ["UDPRoute", "spec: {rules: [{backendRefs: []}]}", "spec.rules[0].backendRefs: must NOT have fewer than 1 items"],
  ["ReferenceGrant", "spec: {from: [{group: '', kind: a, namespace: b}], to: [{group: '', kind: Secret}]}"],
  ["Namespace", "metadata: {name: a, labels: {b: 1}}", "metadata.labels.b: must be string"],
  ["Namespace", "metadata: {name: A}", 'metadata.name: "A" must match pattern'],
  ["Service", "spec: {selector: {a: b}, ports: [{port: 80, targetPort: http}]}"],
  ["Service", "spec: {ports: [{port: 80, prot: TCP}]}", "spec.ports[0].prot: unknown field"],
  ["EndpointSlice", "addressType: IPv4\nendpoints: [{addresses: [192.0.2.1]}]\nports: [{port: 80}]"],
  ["EndpointSlice", "addressType: IPv5", "addressType: must be one of IPv4, IPv6, FQDN"],
  ["Secret", "type: kubernetes.io/tls\ndata: {tls.crt: '*'}", 'data["tls.crt"]: "*" must match format'],
  ["DataPlane", "spec: {engine: edge}"],
  ["DataPlane", "spec: {engine: balancer, cache: {}}", "spec: cache is an option of the edge"],
  ["DataPlane", "spec: {engine: edge, udp: {}}", "spec: udp is an option of the balancer"],
  [
    "DataPlane",
    "spec: {engine: edge, cache: {maxBytes: 1}, http: {idleTimeout: soon}}",
    "spec.cache.maxBytes: must be >= 16777216",
    'spec.http.idleTimeout: "soon" must match pattern',
  ],
  ["Backend", "spec: {endpoints: [{address: '::1', port: 80}], health: {}}"],
  [
    "Backend",
    "spec: {endpoints: [{address: '::1', port: 80}, {address: '::1', port: 80}]}",
    "spec.endpoints: two items have the same address, port",
  ],
  [
    "Backend",
    "spec: {endpoints: [{address: a.example, port: 80}]}",
    "spec.endpoints[0].address: must be an IPv4 or IPv6 address",
  ],
  [
    "Backend",
    "spec: {endpoints: [{address: 'fe80::1%eth0', port: 80}, {address: '::ffff:192.0.2.1', port: 80}, {address: '::ffff:0:192.0.2.1', port: 80}]}",
    "spec.endpoints[0].address: must be an IPv4 or IPv6 address",
    "spec.endpoints[1].address: must be an IPv4 or IPv6 address",
  ],
  [
    "Backend",
    "spec: {endpoints: [{address: '::1', port: 80}], health: {interval: 1s}}",
    "spec.health: timeout must not be longer than interval",
  ],
  [
    "Backend",
    "spec: {endpoints: [{address: '::1', port: 80}], tls: {serverName: a, ca: x}}",
    "spec.tls.ca: must be one or more certificates in PEM",
  ],
  ["Zone", "spec: {domain: example.com, nameServers: [ns], records: [{name: '@', type: A, data: [192.0.2.1]}]}"],
  [
    "Zone",
    "spec: {domain: example.com, nameServers: [ns], records: [{name: www, backendRef: {name: web, namespace: shop}, ttl: 5}]}",
  ],
  [
    "Zone",
    "spec: {domain: example.com, nameServers: [ns], records: [{name: a, backendRef: {name: web}, type: A, data: [192.0.2.1]}, {name: b}]}",
    "spec.records[0]: give either type and data or backendRef",
    "spec.records[1]: give either type and data or backendRef",
  ],
  [
    "Zone",
    "spec: {domain: example.com, nameServers: [ns], records: [{name: a, data: [192.0.2.1]}, {name: b, type: A, backendRef: {name: web}}]}",
    "spec.records[0]: type and data go together",
    "spec.records[1]: type and data go together",
  ],
  [
    "Zone",
    "spec: {domain: example.com, nameServers: [ns], records: [{name: a, backendRef: {name: Web, kind: Service, namespace: ''}}]}",
    "spec.records[0].backendRef.kind: unknown field",
    "spec.records[0].backendRef.name",
    "spec.records[0].backendRef.namespace",
  ],
  [
    "Zone",
    'spec: {domain: example.com, nameServers: [ns], records: [{name: a b, type: A, data: ["x\\ny"]}]}',
    "spec.records[0].name",
    "spec.records[0].data[0]",
  ],
  [
    "Zone",
    "spec: {domain: example.com, zoneFile: '', records: []}",
    "spec: records and zoneFile cannot be given together",
  ],
];

for (const [kind, body, ...expected] of CASES) {
  test(`${kind} ${body.replaceAll("\n", ", ")}`, () => {
    const definition = Object.values(KINDS).find((known) => known.kind === kind)!;
    const apiVersion =
      definition.group === "" ? definition.versions[0] : `${definition.group}/${definition.versions[0]}`;
    const metadata = body.startsWith("metadata") ? "" : "metadata: {name: a}\n";
    const { value, faults } = parseYaml(`apiVersion: ${apiVersion}\nkind: ${kind}\n${metadata}${body}\n`);
    assert.deepEqual(faults, []);
    const found = (decode(value).faults ?? []).map(({ path, reason }) => `${formatPath(path)}: ${reason}`);
    assert.equal(found.length, expected.length, found.join("\n"));
    expected.forEach((start, index) => assert.ok(found[index]!.startsWith(start), found[index]!));
  });
}

test("v1beta1 of a kind is read as v1; a version or kind that is not known is refused", () => {
  const spec = { gatewayClassName: "a", listeners: [{ name: "a", port: 80, protocol: "HTTP" }] };
  const beta = decode({
    apiVersion: "gateway.networking.k8s.io/v1beta1",
    kind: "Gateway",
    metadata: { name: "a" },
    spec,
  });
  assert.equal(beta.resource?.apiVersion, "gateway.networking.k8s.io/v1");
  const alpha = decode({
    apiVersion: "gateway.networking.k8s.io/v1alpha2",
    kind: "Gateway",
    metadata: { name: "a" },
    spec,
  });
  assert.equal(alpha.faults?.[0]?.reason, "Gateway is read in version v1 and v1beta1, not v1alpha2");
  assert.equal(decode({ apiVersion: "v1", kind: "Pod" }).faults?.[0]?.reason, "Fairway does not read Pod of v1");
});

test("a field that is null is absent: it has its default, or is required", () => {
  const decodePlane = (spec: object): ReturnType<typeof decode> =>
    decode({ apiVersion: "fairway.dev/v1alpha1", kind: "DataPlane", metadata: { name: "a" }, spec });
  const { resource } = decodePlane({ engine: "edge", http: null, cache: null, accessLog: { mode: null } });
  assert.ok(resource?.kind === "DataPlane");
  assert.equal(resource.spec.http.maxHeaderBytes, 32_768);
  assert.equal(resource.spec.accessLog.mode, "sampled");
  assert.equal(resource.spec.cache, undefined);
  assert.deepEqual(decodePlane({ engine: null }).faults, [{ path: ["spec", "engine"], reason: "required" }]);
});

test("decoding never throws, whatever the value", () => {
  const kinds = fc.constantFrom(...Object.values(KINDS));
  fc.assert(
    fc.property(kinds, fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (kind, metadata, spec, other) => {
      const apiVersion = kind.group === "" ? "v1" : `${kind.group}/${kind.versions[0]}`;
      const decoded = decode({ apiVersion, kind: kind.kind, metadata, spec, other });
      assert.ok((decoded.faults ?? []).length > 0);
    }),
    { numRuns: 300, seed: 1 },
  );
});

test("documents are split as a parser would, with their lines", () => {
  const stream = "# head\n---\na: |\n  --- not a mark\n--- {b: 1}\n...\n# nothing\n---\nc: 1";
  assert.deepEqual(
    splitDocuments(stream).map(({ text, line }) => [line, parseYaml(text).value]),
    [
      [2, { a: "--- not a mark\n" }],
      [5, { b: 1 }],
      [8, { c: 1 }],
    ],
  );
});

test("what YAML writes, YAML reads, also YAML 1.1; hostile text is a fault", () => {
  assert.equal(formatManifest({ mode: "off" }), 'mode: "off"\n');
  fc.assert(
    fc.property(fc.jsonValue(), (value) =>
      assert.deepEqual(parseYaml(formatYaml(value)).value, JSON.parse(JSON.stringify(value))),
    ),
    { numRuns: 100, seed: 1 },
  );
  fc.assert(
    fc.property(fc.string(), (text) => void parseYaml(text)),
    { numRuns: 500, seed: 1 },
  );
  assert.match(parseYaml("[".repeat(20_000)).faults[0]!.reason, /^not valid YAML/);
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${["b", "c", "d", "e"].map((name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcd"[index]}`).join(",")}]`).join("\n")}\n`;
  assert.match(parseYaml(bomb).faults[0]!.reason, /alias/);
});

test("durations are milliseconds", () => {
  for (const [text, ms] of [
    ["", 0],
    ["0s", 0],
    ["500ms", 500],
    ["1m30s", 90_000],
    ["1h1m1s1ms", 3_661_001],
  ] as const)
    assert.equal(durationMs(text), ms, text);
});
