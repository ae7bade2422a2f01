/** A cluster for tests: what is applied is there at once, and pods listen at what their plane is given. */
import assert from "node:assert/strict";
import type { Entry } from "#src/config/model.ts";
import { withBuiltInClasses } from "#src/gateway/built-in-class.ts";
import type { PodObservation } from "#src/gateway/observed.ts";
import { makeDecoder } from "#src/resource/decode.ts";
import { endpointSlice } from "#src/resource/endpoint-slice.ts";
import { service } from "#src/resource/service.ts";
import { trimBuiltIn } from "#src/kube/trim.ts";
import { splitDocuments } from "#src/resource/documents.ts";
import type { Resource } from "#src/resource/resource.ts";
import { parseYaml } from "#src/resource/yaml.ts";
import type { Allocation } from "#src/translate/allocation.ts";
import { type Infrastructure, infrastructure } from "#src/translate/infrastructure.ts";
import { type KubeObject, objectKey, ownObject } from "#src/translate/kube-object.ts";
import { makeTranslate, type Translate, type Translation } from "#src/translate/translate.ts";

const decode = makeDecoder();

export function decodeAll(text: string): Resource[] {
  return splitDocuments(text).map((document) => {
    const { value, faults } = parseYaml(document.text);
    const decoded = decode(value);
    assert.deepEqual([faults, decoded.faults], [[], undefined]);
    return decoded.resource!;
  });
}

export interface TestPod {
  readonly plane: string;
  readonly name: string;
  readonly addresses: readonly string[];
  isReady: boolean;
  isTerminating: boolean;
  isConnected: boolean;
  /** Port keys that it listens at. */
  readonly bound: Set<string>;
  /** Versions by key that it has in use. */
  readonly held: Map<string, string>;
}

const container = (name: string) => ({ name, image: `fairway/${name}:1`, args: ["--workers=1", "--cache-bytes=1"] });

export const TEMPLATES = {
  balancer: {
    metadata: { labels: { "app.kubernetes.io/component": "balancer" } },
    spec: {
      containers: [container("balancer")],
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "zone",
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: { shared: "yes" } },
        },
      ],
    },
  },
  edge: { spec: { containers: [container("edge")] } },
};

const HOME = { apiVersion: "apps/v1", kind: "Deployment", name: "fairway-controller", uid: "uid-controller" };

export class World {
  now = Date.parse("2026-01-01T00:00:00Z");
  objects: Resource[];
  readonly pods: TestPod[] = [];
  readonly existing = new Map<string, KubeObject>();
  #allocations: readonly Allocation[] = [];
  #translate: Translate = makeTranslate();

  constructor(yaml: string) {
    this.objects = decodeAll(yaml);
  }

  addPod(plane: string, index: number): TestPod {
    const addresses = [`10.0.0.${index}`, `fd00::${index}`];
    const state = {
      isReady: true,
      isTerminating: false,
      isConnected: true,
      bound: new Set<string>(),
      held: new Map<string, string>(),
    };
    const pod = { plane, name: `pod-${index}`, addresses, ...state };
    this.pods.push(pod);
    return pod;
  }

  /** A controller that knows nothing starts. */
  restart(): void {
    this.#allocations = [];
    this.#translate = makeTranslate();
  }

  translate(): Translation {
    const own = [...this.existing.values()].filter(({ kind }) => kind === "Service" || kind === "EndpointSlice");
    const resources = [...withBuiltInClasses(this.objects), ...own.map(asResource)];
    const cluster = { now: this.now, home: "fairway-system", allocations: this.#allocations };
    const translation = this.#translate(resources, cluster);
    this.#allocations = translation.allocations;
    return translation;
  }

  infrastructure(translation: Translation): Infrastructure {
    const observation = { pods: this.pods.map(observe), existing: [...this.existing.values()].map(readBack) };
    return infrastructure(translation, observation, { templates: TEMPLATES, home: "fairway-system", owner: HOME });
  }

  /** Pods take what their plane is given; those that are not connected keep what they have. */
  deliver({ entries, planesOf }: Translation): void {
    for (const pod of this.pods) {
      if (!pod.isConnected) continue;
      const own = entries.filter((entry) => planesOf(entry).has(pod.plane));
      pod.held.clear();
      pod.bound.clear();
      for (const { key, version, value } of own) {
        pod.held.set(key, version);
        if (value.kind === "port") pod.bound.add(key);
      }
    }
  }

  apply({ apply, remove }: Infrastructure): void {
    for (const object of apply) {
      const key = objectKey(object);
      const uid = this.existing.get(key)?.metadata.uid ?? `uid-${this.existing.size}`;
      this.existing.set(key, { ...object, metadata: { ...object.metadata, uid, resourceVersion: "1" } });
    }
    for (const { kind, namespace, name } of remove) this.existing.delete(`${kind} ${namespace}/${name}`);
  }

  /** One turn of the controller. */
  turn(): { readonly translation: Translation; readonly done: Infrastructure } {
    const translation = this.translate();
    const done = this.infrastructure(translation);
    this.apply(done);
    this.deliver(translation);
    return { translation, done };
  }

  /** Turns until nothing is left to do. */
  settle(): Translation {
    for (let turn = 0; turn < 8; turn++) {
      const { translation, done } = this.turn();
      if (done.apply.length === 0 && done.remove.length === 0) return translation;
    }
    throw new Error("Cannot settle: there is always something to apply");
  }

  /** Addresses with ports that the Services' endpoints have now. */
  endpoints(): string[] {
    return [...this.existing.values()].flatMap((object) => {
      if (object.kind !== "EndpointSlice") return [];
      const { ports, endpoints } = object as KubeObject & SliceShape;
      return endpoints.map(({ addresses }) => `${addresses[0]} ${ports[0]!.protocol} ${ports[0]!.port}`);
    });
  }
}

interface SliceShape {
  readonly ports: readonly { readonly port: number; readonly protocol: string }[];
  readonly endpoints: readonly { readonly addresses: readonly string[] }[];
}

/** What the watch adapter holds of it. */
function readBack(object: KubeObject): KubeObject {
  if (object.kind !== "Service" && object.kind !== "EndpointSlice") return object;
  const { uid = "", resourceVersion = "" } = object.metadata;
  return ownObject(asResource(object), { uid, resourceVersion });
}

/** As it comes back by a watch: the adapter keeps the fields of its schema. */
function asResource(object: KubeObject): Resource {
  const kind = object.kind === "Service" ? service : endpointSlice;
  const { resource, faults } = decode(
    structuredClone(trimBuiltIn({ ...object, metadata: { ...object.metadata } }, kind.schema())),
  );
  assert.deepEqual(faults, undefined);
  assert.ok(resource);
  return resource;
}

export function observe(pod: TestPod): PodObservation {
  const { plane, name, addresses, isReady, isTerminating, isConnected, bound, held } = pod;
  return {
    plane,
    namespace: "fairway-system",
    name,
    uid: `uid-${name}`,
    nodeName: "node1",
    zone: "a",
    addresses,
    hostAddresses: ["192.0.2.1"],
    isReady,
    isTerminating,
    isCurrent: false,
    silentSince: undefined,
    holds: ({ key, version }: Entry) => isConnected && held.get(key) === version,
    refusal: () => undefined,
    isBound: (key) => (isConnected ? bound.has(key) : undefined),
  };
}
