import type {
  BackendConfig,
  BackendTlsConfig,
  EndpointConfig,
  HealthCheckConfig,
  WeightedBackend,
} from "#src/config/model.ts";
import type { BackendTarget } from "#src/gateway/backend-ref.ts";
import { compareText, keyOf } from "#src/gateway/object-index.ts";
import type { JudgedBackend } from "#src/gateway/route.ts";
import type { Backend } from "#src/resource/backend.ts";
import { durationMs } from "#src/resource/duration.ts";

type ServiceTarget = Extract<BackendTarget, { kind: "Service" }>;

/** No probes. */
export const PASSIVE_ONLY: HealthCheckConfig = {
  type: "none",
  path: "/",
  intervalMs: 0,
  timeoutMs: 0,
  rise: 0,
  fall: 0,
};

/** Key of a target's entry (see BackendConfig). */
function backendKey(target: BackendTarget): string {
  if (target.kind === "Backend") return `backend/${path(target.backend, "Backend")}/${target.port}`;
  return `backend/${path(target.service, "Service")}/${target.port}${target.protocol === "UDP" ? "/UDP" : ""}`;
}

/** A rule's backends, by key; targets are collected for their own entries. */
export function translateBackends(
  backends: readonly JudgedBackend[],
  targets: Map<string, BackendTarget>,
): WeightedBackend[] {
  return backends.map(({ target, weight }) => {
    if (target === undefined) return { backend: "", weight };
    const key = backendKey(target);
    targets.set(key, target);
    return { backend: key, weight };
  });
}

export function translateBackend(target: BackendTarget): BackendConfig {
  if (target.kind === "Service") {
    const id = `${keyOf(target.service.metadata)}:${target.port}`;
    return { kind: "backend", id, endpoints: sliceEndpoints(target), health: PASSIVE_ONLY, tls: undefined };
  }
  const { backend, port } = target;
  const name = keyOf(backend.metadata);
  return {
    kind: "backend",
    id: port === 0 ? name : `${name}:${port}`,
    endpoints: backend.spec.endpoints
      .filter((endpoint) => port === 0 || endpoint.port === port)
      .map(toEndpoint)
      .toSorted(compareEndpoints),
    health: translateHealth(backend),
    tls: translateTls(backend),
  };
}

function path(
  { metadata }: { readonly metadata: { readonly namespace: string; readonly name: string } },
  kind: string,
): string {
  return `${metadata.namespace}/${kind}/${metadata.name}`;
}

/** Endpoints of a Service's slices: those of one address and port, from several slices, are one; ready if any says so. */
function sliceEndpoints({ slices, portName, protocol }: ServiceTarget): EndpointConfig[] {
  const endpoints = new Map<string, EndpointConfig>();
  for (const slice of slices) {
    if (slice.addressType === "FQDN") continue;
    const found = slice.ports?.find((candidate) => candidate.name === portName && candidate.protocol === protocol);
    if (found?.port === undefined) continue;
    for (const { addresses, conditions } of slice.endpoints) {
      // Addresses of one endpoint are interchangeable, and consumers take the first (EndpointSlice API).
      const address = addresses[0]!;
      const key = `${address} ${found.port}`;
      const ready = (conditions?.ready ?? true) || (endpoints.get(key)?.ready ?? false);
      endpoints.set(key, { address, port: found.port, weight: 1, ready });
    }
  }
  return [...endpoints.values()].toSorted(compareEndpoints);
}

function toEndpoint({ address, port, weight }: Backend["spec"]["endpoints"][number]): EndpointConfig {
  return { address, port, weight, ready: true };
}

function compareEndpoints(a: EndpointConfig, b: EndpointConfig): number {
  return compareText(a.address, b.address) || a.port - b.port;
}

function translateHealth({ spec }: Backend): HealthCheckConfig {
  if (spec.health === undefined) return PASSIVE_ONLY;
  const { type, path: asked, interval, timeout, rise, fall } = spec.health;
  return { type, path: asked, intervalMs: durationMs(interval), timeoutMs: durationMs(timeout), rise, fall };
}

function translateTls({ spec }: Backend): BackendTlsConfig | undefined {
  return spec.tls && { serverName: spec.tls.serverName, caPem: spec.tls.ca };
}
