/** What a dedicated data plane is made of: ServiceAccount, Deployment or DaemonSet, PodDisruptionBudget. */
import type { Engine } from "#src/config/model.ts";
import type { Plane } from "#src/gateway/plane.ts";
import type { DataPlane } from "#src/resource/data-plane.ts";
import type { Allocation } from "./allocation.ts";
import type { KubeMetadata, KubeObject, OwnerReference } from "./kube-object.ts";
import { objectName } from "./object-name.ts";
import { DATA_PLANE, MANAGED_BY, MANAGER, OWNER } from "./own-slice.ts";

/** PodTemplateSpec, as far as it is changed here. One container has the engine's name. */
export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly containers: readonly PodContainer[];
    readonly topologySpreadConstraints?: readonly Readonly<Record<string, unknown>>[];
    readonly [field: string]: unknown;
  };
}

export interface PodContainer {
  readonly name: string;
  readonly args?: readonly string[];
  readonly ports?: readonly unknown[];
  readonly [field: string]: unknown;
}

export interface WorkloadContext {
  readonly templates: Readonly<Record<Engine, PodTemplate>>;
  /** Namespace that Fairway is installed in, where all pods are. */
  readonly home: string;
  /** What everything there goes with. */
  readonly owner: OwnerReference | undefined;
}

/** Label of a plane's pods; its value for a dedicated plane is dedicatedName. */
export const PLANE_LABEL = "fairway.dev/data-plane";
const COMPONENT = "app.kubernetes.io/component";
const DEFAULT_REPLICAS = 2;

/** Name of all that a dedicated plane has, its ServiceAccount among them; other planes' are other names. */
export function dedicatedName(planeId: string): string {
  return objectName(`fairway-${planeId}`);
}

export function workloadOf(
  plane: Plane,
  spec: DataPlane["spec"],
  allocations: readonly Allocation[],
  context: WorkloadContext,
): KubeObject[] {
  const name = dedicatedName(plane.id);
  const { home, owner } = context;
  const selector = { matchLabels: { [PLANE_LABEL]: name } };
  const metadata: KubeMetadata = {
    name,
    namespace: home,
    labels: { [MANAGED_BY]: MANAGER, [COMPONENT]: "dedicated", [PLANE_LABEL]: name },
    annotations: { [OWNER]: `DataPlane ${plane.id.split("/").slice(1).join("/")}`, [DATA_PLANE]: plane.id },
    ...(owner && { ownerReferences: [owner] }),
  };
  const template = podTemplate(plane, spec, allocations, context.templates[plane.engine], name);
  const { kind = "Deployment", replicas = DEFAULT_REPLICAS } = spec.workload ?? {};
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: false };
  if (kind === "DaemonSet") {
    const updateStrategy = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } };
    return [account, { apiVersion: "apps/v1", kind, metadata, spec: { selector, updateStrategy, template } }];
  }
  const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
  return [
    account,
    { apiVersion: "apps/v1", kind, metadata, spec: { replicas, selector, strategy, template } },
    { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec: { maxUnavailable: 1, selector } },
  ];
}

/** A container's arguments, with what a process cannot be told while it runs. */
function argumentsOf({ args = [] }: PodContainer, { engine }: Plane, { cache }: DataPlane["spec"]): readonly string[] {
  if (engine !== "edge" || cache === undefined) return args;
  return [...args.filter((argument) => !argument.startsWith(CACHE_BYTES)), `${CACHE_BYTES}${cache.maxBytes}`];
}

const CACHE_BYTES = "--cache-bytes=";

function podTemplate(
  plane: Plane,
  spec: DataPlane["spec"],
  allocations: readonly Allocation[],
  template: PodTemplate,
  name: string,
): PodTemplate {
  const labels = { ...template.metadata?.labels, [COMPONENT]: "dedicated", [PLANE_LABEL]: name };
  const hostPorts = plane.ports === "listener" ? hostPortsOf(plane, allocations) : [];
  const containers = template.spec.containers.map((container) => {
    if (container.name !== plane.engine) return container;
    const args = argumentsOf(container, plane, spec);
    const ports = [...(container.ports ?? []), ...hostPorts];
    return { ...container, ...(args.length > 0 && { args }), ...(ports.length > 0 && { ports }) };
  });
  // The chart's constraints count the shared pods.
  const spread = template.spec.topologySpreadConstraints?.map((constraint) => ({
    ...constraint,
    labelSelector: { matchLabels: { [PLANE_LABEL]: name } },
  }));
  return {
    ...template,
    metadata: { ...template.metadata, labels },
    spec: {
      ...template.spec,
      serviceAccountName: name,
      containers,
      ...(spread && { topologySpreadConstraints: spread }),
    },
  };
}

function hostPortsOf(plane: Plane, allocations: readonly Allocation[]): object[] {
  const own = allocations.filter(({ plane: id, state }) => id === plane.id && state !== "resting");
  const ports = new Map(own.map(({ transport, port }) => [`${transport.toLowerCase()}-${port}`, { transport, port }]));
  return Array.from(ports, ([portName, { transport, port }]) => ({
    name: portName,
    containerPort: port,
    hostPort: port,
    protocol: transport,
  }));
}
