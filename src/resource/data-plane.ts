import type { Static } from "typebox";
import { duration } from "./duration.ts";
import type { Frozen, Kind, ObjectOf } from "./kind.ts";

const schema = {
  type: "object",
  description:
    "How one engine serves: what a GatewayClass or a Gateway (`infrastructure`) refers to by `parametersRef`. Without one every option has its default.",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      required: ["engine", "mode", "service", "accessLog", "http", "upstream"],
      properties: {
        engine: {
          type: "string",
          enum: ["balancer", "edge"],
          description:
            "Which engine carries the Gateways of the class: `balancer` forwards, `edge` has the cache in front.",
        },
        mode: {
          type: "string",
          enum: ["shared", "dedicated"],
          default: "shared",
          description:
            "`shared`: the engine's own pods, whose options are the same for all. `dedicated`: pods of this DataPlane's own in a cluster; without one the engine's service on the machine.",
        },
        workload: {
          type: "object",
          description: "The pods of a dedicated data plane.",
          required: ["kind"],
          properties: {
            kind: {
              type: "string",
              enum: ["Deployment", "DaemonSet"],
              default: "Deployment",
              description:
                "`DaemonSet`: one pod a node, which takes the listeners' ports of the node's own addresses (host ports); Gateways share them, and their Services are of type ClusterIP.",
            },
            replicas: {
              type: "integer",
              minimum: 1,
              maximum: 200,
              "x-unit": "pods",
              description: "Of a Deployment, by default 2.",
            },
          },
          "x-kubernetes-validations": [
            { rule: "self.kind == 'Deployment' || !has(self.replicas)", message: "a DaemonSet has no replicas" },
          ],
        },
        service: {
          type: "object",
          default: {},
          description: "The Service that each Gateway gets in a cluster.",
          required: ["type", "externalTrafficPolicy", "ipFamilyPolicy"],
          properties: {
            type: {
              type: "string",
              enum: ["ClusterIP", "NodePort", "LoadBalancer"],
              default: "LoadBalancer",
              description: "How clients outside the cluster reach it.",
            },
            loadBalancerClass: {
              type: "string",
              minLength: 1,
              maxLength: 253,
              description: "Whose load balancer it is; by default the cluster's own.",
            },
            externalTrafficPolicy: {
              type: "string",
              enum: ["Cluster", "Local"],
              default: "Cluster",
              description:
                "`Local` keeps clients' addresses, and only nodes with a pod take traffic; not for ClusterIP.",
            },
            ipFamilyPolicy: {
              type: "string",
              enum: ["SingleStack", "PreferDualStack", "RequireDualStack"],
              default: "PreferDualStack",
              description: "Whether the Service has addresses of IPv4 and of IPv6.",
            },
            annotations: {
              type: "object",
              maxProperties: 32,
              additionalProperties: { type: "string", maxLength: 4096 },
              description: "Annotations of the Service, such as a cloud's load balancer reads.",
            },
          },
          "x-kubernetes-validations": [
            {
              rule: "self.type == 'LoadBalancer' || !has(self.loadBalancerClass)",
              message: "loadBalancerClass is for type LoadBalancer",
            },
          ],
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
        { rule: "self.mode == 'dedicated' || !has(self.workload)", message: "workload is for mode dedicated" },
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
export function defaultDataPlane(engine: "balancer" | "edge"): Required<Omit<DataPlane["spec"], "workload">> {
  const { mode, service, accessLog, cache, http, upstream, tcp, udp } = schema.properties.spec.properties;
  return {
    engine,
    mode: mode.default,
    service: {
      type: service.properties.type.default,
      externalTrafficPolicy: service.properties.externalTrafficPolicy.default,
      ipFamilyPolicy: service.properties.ipFamilyPolicy.default,
    },
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
