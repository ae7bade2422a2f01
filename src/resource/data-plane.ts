import type { Static } from "typebox";
import { duration } from "./duration.ts";
import type { Frozen, Kind, ObjectOf } from "./kind.ts";

const schema = {
  type: "object",
  description:
    "How one engine serves: what a GatewayClass refers to by `parametersRef`. One DataPlane configures one engine; without one every option has its default.",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      required: ["engine", "accessLog", "http", "upstream"],
      properties: {
        engine: {
          type: "string",
          enum: ["balancer", "edge"],
          description:
            "Which engine carries the Gateways of the class: `balancer` forwards, `edge` has the cache in front.",
        },
        accessLog: {
          type: "object",
          default: {},
          description: "One JSON line for a finished request, connection or UDP session.",
          required: ["mode", "sampleEvery"],
          properties: {
            mode: {
              type: "string",
              enum: ["off", "sampled", "full"],
              default: "sampled",
              description: "`off` writes nothing, `sampled` one of `sampleEvery`, `full` each one.",
            },
            sampleEvery: {
              type: "integer",
              default: 100,
              minimum: 1,
              maximum: 1_000_000,
              "x-unit": "requests",
              description: "Of how many requests one is logged in mode `sampled`.",
            },
          },
        },
        cache: {
          type: "object",
          description: "The edge's cache of responses; only for `engine: edge`.",
          required: ["maxBytes"],
          properties: {
            maxBytes: {
              type: "integer",
              default: 268_435_456,
              minimum: 16_777_216,
              maximum: 17_179_869_184,
              "x-unit": "bytes",
              description:
                "Memory for stored responses; the least recently used go when it is full. Takes effect when the edge starts.",
            },
          },
        },
        http: {
          type: "object",
          default: {},
          description: "Limits on HTTP clients.",
          required: ["maxHeaderBytes", "maxBodyBytes", "headerTimeout", "idleTimeout"],
          properties: {
            maxHeaderBytes: {
              type: "integer",
              default: 32_768,
              minimum: 1024,
              maximum: 65_536,
              "x-unit": "bytes",
              description: "Largest request line and header section together; beyond it the answer is 431.",
            },
            maxBodyBytes: {
              type: "integer",
              default: 0,
              minimum: 0,
              maximum: 1_099_511_627_776,
              "x-unit": "bytes",
              description: "Largest request body; beyond it the answer is 413. 0 is no limit.",
            },
            headerTimeout: duration("15s", "Time for a request's head to arrive; beyond it the connection is closed."),
            idleTimeout: duration("75s", "How long a connection without a request stays open."),
          },
        },
        upstream: {
          type: "object",
          default: {},
          description: "Connections to backends.",
          required: ["connectTimeout", "idleTimeout"],
          properties: {
            connectTimeout: duration("5s", "Time for a connection to a backend to open."),
            idleTimeout: duration("60s", "How long an unused connection to a backend is kept."),
          },
        },
        tcp: {
          type: "object",
          description: "Connections of TCP listeners; only for `engine: balancer`.",
          required: ["idleTimeout"],
          properties: {
            idleTimeout: duration("1h", "A connection without a byte in either direction is closed after this."),
          },
        },
        udp: {
          type: "object",
          description:
            "Sessions of UDP listeners: a client's address and port stay with one endpoint; only for `engine: balancer`.",
          required: ["idleTimeout"],
          properties: {
            idleTimeout: duration("60s", "A session without a datagram in either direction is forgotten after this."),
          },
        },
      },
      "x-kubernetes-validations": [
        { rule: "self.engine == 'edge' || !has(self.cache)", message: "cache is an option of the edge" },
        { rule: "self.engine == 'balancer' || !has(self.tcp)", message: "tcp is an option of the balancer" },
        { rule: "self.engine == 'balancer' || !has(self.udp)", message: "udp is an option of the balancer" },
      ],
    },
  },
} as const;

export type DataPlane = ObjectOf<"DataPlane", Frozen<Static<typeof schema>["spec"]>>;

export const dataPlane: Kind = {
  group: "fairway.dev",
  versions: ["v1alpha1"],
  kind: "DataPlane",
  plural: "dataplanes",
  scope: "Namespaced",
  schema: () => schema,
};

/** The options of an engine that no DataPlane configures; those of the other engine have values too. */
export function defaultDataPlane(engine: "balancer" | "edge"): Required<DataPlane["spec"]> {
  const { accessLog, cache, http, upstream, tcp, udp } = schema.properties.spec.properties;
  return {
    engine,
    accessLog: {
      mode: accessLog.properties.mode.default,
      sampleEvery: accessLog.properties.sampleEvery.default,
    },
    cache: { maxBytes: cache.properties.maxBytes.default },
    http: {
      maxHeaderBytes: http.properties.maxHeaderBytes.default,
      maxBodyBytes: http.properties.maxBodyBytes.default,
      headerTimeout: http.properties.headerTimeout.default,
      idleTimeout: http.properties.idleTimeout.default,
    },
    upstream: {
      connectTimeout: upstream.properties.connectTimeout.default,
      idleTimeout: upstream.properties.idleTimeout.default,
    },
    tcp: { idleTimeout: tcp.properties.idleTimeout.default },
    udp: { idleTimeout: udp.properties.idleTimeout.default },
  };
}
