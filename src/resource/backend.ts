import { X509Certificate } from "node:crypto";
import type { Static } from "typebox";
import { duration } from "./duration.ts";
import type { Frozen, Kind, ObjectOf } from "./kind.ts";

const endpoint = {
  type: "object",
  required: ["address", "port", "weight"],
  properties: {
    address: {
      type: "string",
      maxLength: 45,
      description: "IPv4 or IPv6 address.",
      "x-kubernetes-validations": [{ rule: "isIP(self)", message: "must be an IPv4 or IPv6 address" }],
    },
    port: { type: "integer", minimum: 1, maximum: 65_535, description: "Port it listens on." },
    weight: {
      type: "integer",
      default: 1,
      minimum: 0,
      maximum: 1000,
      description: "Its share of the backend's traffic; 0 gives it none.",
    },
  },
} as const;

const health = {
  type: "object",
  description:
    "An active probe of each endpoint. Without it endpoints are only marked by the failures of real traffic.",
  required: ["type", "path", "interval", "timeout", "rise", "fall"],
  properties: {
    type: {
      type: "string",
      enum: ["tcp", "http"],
      default: "tcp",
      description: "`tcp` opens a connection; `http` asks for `path` and wants a status of 200 to 399.",
    },
    path: {
      type: "string",
      default: "/",
      maxLength: 1024,
      pattern: '^/[!"$-~]*$',
      description: "What an `http` probe asks for.",
    },
    interval: duration("5s", "From one probe of an endpoint to the next."),
    timeout: duration("2s", "How long a probe may take."),
    rise: {
      type: "integer",
      default: 2,
      minimum: 1,
      maximum: 100,
      "x-unit": "probes",
      description: "Successes in a row that bring an endpoint back.",
    },
    fall: {
      type: "integer",
      default: 3,
      minimum: 1,
      maximum: 100,
      "x-unit": "probes",
      description: "Failures in a row that take an endpoint out.",
    },
  },
  "x-kubernetes-validations": [
    { rule: "duration(self.interval) >= duration('100ms')", message: "interval must be at least 100ms" },
    { rule: "duration(self.timeout) >= duration('10ms')", message: "timeout must be at least 10ms" },
    { rule: "duration(self.timeout) <= duration(self.interval)", message: "timeout must not be longer than interval" },
  ],
} as const;

const tls = {
  type: "object",
  description: "Speak TLS to the endpoints, and verify them.",
  required: ["serverName", "ca"],
  properties: {
    serverName: {
      type: "string",
      minLength: 1,
      maxLength: 253,
      pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
      description: "Name sent as SNI, which the endpoint's certificate must carry.",
    },
    ca: {
      type: "string",
      default: "",
      maxLength: 100_000,
      description: "PEM certificates to trust; by default those of the system.",
    },
  },
} as const;

const schema = {
  type: "object",
  description: "Endpoints outside the cluster, for routes to refer to (`group: fairway.dev, kind: Backend`).",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      required: ["endpoints"],
      properties: {
        endpoints: {
          type: "array",
          minItems: 1,
          maxItems: 256,
          description: "Where the backend is reached. A reference with a `port` takes those with this port.",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["address", "port"],
          items: endpoint,
        },
        health,
        tls,
      },
    },
  },
} as const;

export type Backend = ObjectOf<"Backend", Frozen<Static<typeof schema>["spec"]>>;

export const backend: Kind = {
  group: "fairway.dev",
  versions: ["v1alpha1"],
  kind: "Backend",
  plural: "backends",
  scope: "Namespaced",
  schema: () => schema,
  verify: ({ spec }) =>
    hasTls(spec) && !areCertificates(spec.tls.ca) ? [{ path: ["spec", "tls", "ca"], reason: NOT_PEM }] : [],
};

const NOT_PEM = "must be one or more certificates in PEM";

function hasTls(spec: unknown): spec is { readonly tls: { readonly ca: string } } {
  return typeof spec === "object" && spec !== null && "tls" in spec && spec.tls !== undefined;
}

/** "" is none, and the system's are meant. */
function areCertificates(pem: string): boolean {
  if (pem === "") return true;
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    return found.map((text) => new X509Certificate(text)).length > 0;
  } catch {
    return false;
  }
}
