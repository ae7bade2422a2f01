import type { Static } from "typebox";
import type { Frozen, Kind, ObjectOf } from "./kind.ts";
import { labelSelector } from "./label-selector.ts";

/** RFC 1035 section 2.3.4: a TTL and the SOA timers fit in 31 bits. */
const MAX_SECONDS = 2_147_483_647;
const NAME =
  "^(@|(\\*\\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(\\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\\.?|\\*)$";
const HOST =
  "^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(\\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\\.?$";

const seconds = <const Default extends number>(byDefault: Default, description: string) =>
  ({
    type: "integer",
    default: byDefault,
    minimum: 0,
    maximum: MAX_SECONDS,
    "x-unit": "seconds",
    description,
  }) as const;

const soa = {
  type: "object",
  default: {},
  description: "The zone's SOA record (RFC 1035 section 3.3.13).",
  required: ["contact", "serial", "refresh", "retry", "expire", "minimum"],
  properties: {
    primary: {
      type: "string",
      pattern: HOST,
      maxLength: 254,
      description: "Name of the primary server; by default the first of `nameServers`.",
    },
    contact: {
      type: "string",
      pattern: HOST,
      maxLength: 254,
      default: "hostmaster",
      description: "The responsible person's mailbox, with a dot for its @; without a final dot below the zone.",
    },
    serial: {
      type: "integer",
      default: 1,
      minimum: 0,
      maximum: 4_294_967_295,
      description: "Version of the zone; raise it with each change when other servers transfer the zone.",
    },
    refresh: seconds(3600, "How often a secondary asks for a new version."),
    retry: seconds(600, "How long a secondary waits after it could not ask."),
    expire: seconds(1_209_600, "After how long without the primary a secondary stops answering."),
    minimum: seconds(300, "How long resolvers remember that a name does not exist (RFC 2308 section 4)."),
  },
} as const;

const record = {
  type: "object",
  required: ["name"],
  properties: {
    name: {
      type: "string",
      maxLength: 254,
      pattern: NAME,
      description: "Owner: `@` is the zone itself; without a final dot below the zone; may begin with `*.`.",
    },
    type: {
      type: "string",
      enum: ["A", "AAAA", "NS", "CNAME", "MX", "TXT", "SRV", "CAA", "PTR"],
      description: "Type of the records in `data`.",
    },
    ttl: {
      type: "integer",
      minimum: 0,
      maximum: MAX_SECONDS,
      "x-unit": "seconds",
      description: "Time to live; by default the zone's, of addresses by `backendRef` 30.",
    },
    data: {
      type: "array",
      minItems: 1,
      maxItems: 1000,
      description:
        "One item a record, as in a zone file (`10 mail` for MX). TXT is the bare text: it is quoted, and cut into strings of 255 bytes, on its own.",
      items: { type: "string", minLength: 1, maxLength: 65_535, pattern: "^[^\\r\\n\\x00]*$" },
    },
    backendRef: {
      type: "object",
      description:
        "Instead of `type` and `data`: the A and AAAA records are the addresses of a Backend's endpoints, without those that its probes hold down.",
      required: ["name"],
      properties: {
        name: {
          type: "string",
          maxLength: 253,
          pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
          description: "Name of the Backend (`group: fairway.dev`).",
        },
        namespace: {
          type: "string",
          maxLength: 63,
          pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
          description: "By default the Zone's own; in another one a ReferenceGrant must permit it.",
        },
      },
    },
  },
  "x-kubernetes-validations": [
    { rule: "has(self.data) != has(self.backendRef)", message: "give either type and data or backendRef" },
    { rule: "has(self.data) == has(self.type)", message: "type and data go together" },
  ],
} as const;

const schema = {
  type: "object",
  description: "A zone that the authoritative DNS server answers for: from records, or from a zone file's text.",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      required: ["domain", "ttl", "soa"],
      properties: {
        domain: {
          type: "string",
          maxLength: 254,
          pattern:
            "^(\\.|[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\\.?)$",
          description: "The zone's own name, such as `example.com`.",
        },
        ttl: seconds(3600, "Time to live of records that have none of their own."),
        nameServers: {
          type: "array",
          minItems: 1,
          maxItems: 16,
          description: "Names of the zone's servers, for its NS records; without a final dot below the zone.",
          items: { type: "string", pattern: HOST, maxLength: 254 },
        },
        soa,
        records: {
          type: "array",
          maxItems: 10_000,
          description: "The zone's records, besides SOA and its own NS.",
          items: record,
        },
        derive: {
          type: "object",
          description:
            "Add A, AAAA and CNAME records for host names of Gateways, HTTPRoutes and Ingresses, and of LoadBalancer Services with the annotation `fairway.dev/hostname`. A name that the zone has records for itself is left alone. Without it nothing is added.",
          required: ["namespaces", "ttl"],
          properties: {
            namespaces: labelSelector(
              "Namespaces whose objects may have names in the zone, by their labels; `{}` is every namespace.",
            ),
            ttl: seconds(60, "Time to live of these records."),
          },
        },
        zoneFile: {
          type: "string",
          description:
            "The whole zone as a master file (RFC 1035 section 5) instead; $ORIGIN and $TTL begin as `domain` and `ttl`.",
        },
      },
      "x-kubernetes-validations": [
        {
          rule: "has(self.zoneFile) != has(self.nameServers)",
          message: "give either nameServers (and records) or zoneFile",
        },
        {
          rule: "!(has(self.zoneFile) && has(self.records))",
          message: "records and zoneFile cannot be given together",
        },
      ],
    },
  },
} as const;

/** Of addresses by a backendRef, in seconds: what is down should not be remembered for long. */
export const BACKEND_TTL = 30;

export type Zone = ObjectOf<"Zone", Frozen<Static<typeof schema>["spec"]>>;

export const zone: Kind = {
  group: "fairway.dev",
  versions: ["v1alpha1"],
  kind: "Zone",
  plural: "zones",
  scope: "Namespaced",
  schema: () => schema,
};
