import type { Backend } from "#src/resource/backend.ts";
import type { EndpointSlice } from "#src/resource/endpoint-slice.ts";
import type { BackendRef } from "#src/resource/route.ts";
import type { Service } from "#src/resource/service.ts";
import type { Refusal } from "./condition.ts";
import { isGranted } from "./grant.ts";
import type { RouteKind } from "./listener.ts";
import type { ObjectIndex } from "./object-index.ts";

/** What a backend reference leads to. */
export type BackendTarget =
  | {
      readonly kind: "Service";
      readonly service: Service;
      readonly port: number;
      readonly protocol: "TCP" | "UDP";
      /** Name of the Service's port, which its slices' ports have too; "" when it has none. */
      readonly portName: string;
      readonly slices: readonly EndpointSlice[];
    }
  | { readonly kind: "Backend"; readonly backend: Backend; /** 0: all. */ readonly port: number };

/** Application protocols of a Service's port that plain HTTP/1.1 to the backend serves. */
const HTTP_PROTOCOLS = new Set(["http", "kubernetes.io/ws", "ws"]);

/** Resolves a backend reference of a route, or says why it does not (the route's ResolvedRefs). */
export function resolveBackendRef(
  objects: ObjectIndex,
  kind: RouteKind,
  routeNamespace: string,
  ref: BackendRef,
): BackendTarget | Refusal {
  const isService = ref.group === "" && ref.kind === "Service";
  const isBackend = ref.group === "fairway.dev" && ref.kind === "Backend";
  if (!isService && !isBackend) {
    return {
      reason: "InvalidKind",
      message: `backendRefs: ${ref.kind} of group "${ref.group}" is neither a Service nor a Backend of fairway.dev`,
    };
  }
  const namespace = ref.namespace ?? routeNamespace;
  const from = { group: "gateway.networking.k8s.io", kind, namespace: routeNamespace };
  const key = `${namespace}/${ref.name}`;
  if (!isGranted(objects, from, { group: ref.group, kind: ref.kind, namespace, name: ref.name })) {
    return {
      reason: "RefNotPermitted",
      message: `backendRefs: no ReferenceGrant in ${namespace} permits ${ref.kind} ${key}`,
    };
  }
  return isService
    ? resolveService(objects, kind, key, ref.port ?? 0)
    : resolveBackend(objects, kind, key, ref.port ?? 0);
}

function resolveService(objects: ObjectIndex, kind: RouteKind, key: string, port: number): BackendTarget | Refusal {
  const service = objects.services.get(key);
  if (service === undefined) return { reason: "BackendNotFound", message: `backendRefs: there is no Service ${key}` };
  if (service.spec.type === "ExternalName") {
    return {
      reason: "UnsupportedProtocol",
      message: `backendRefs: Service ${key} is an ExternalName; use a Backend for what is outside`,
    };
  }
  const protocol = kind === "UDPRoute" ? "UDP" : "TCP";
  const found = service.spec.ports?.find((candidate) => candidate.port === port && candidate.protocol === protocol);
  if (found === undefined)
    return { reason: "BackendNotFound", message: `backendRefs: Service ${key} has no port ${port}/${protocol}` };
  const { appProtocol } = found;
  if (kind === "HTTPRoute" && appProtocol !== undefined && !HTTP_PROTOCOLS.has(appProtocol)) {
    return {
      reason: "UnsupportedProtocol",
      message: `backendRefs: appProtocol ${appProtocol} of Service ${key} is not supported`,
    };
  }
  const slices = objects.endpointSlices.get(key) ?? [];
  return { kind: "Service", service, port, protocol, portName: found.name ?? "", slices };
}

function resolveBackend(objects: ObjectIndex, kind: RouteKind, key: string, port: number): BackendTarget | Refusal {
  const backend = objects.backends.get(key);
  if (backend === undefined) return { reason: "BackendNotFound", message: `backendRefs: there is no Backend ${key}` };
  if (port !== 0 && !backend.spec.endpoints.some((endpoint) => endpoint.port === port)) {
    return { reason: "BackendNotFound", message: `backendRefs: Backend ${key} has no endpoint with port ${port}` };
  }
  if (kind !== "HTTPRoute" && backend.spec.tls !== undefined) {
    return { reason: "UnsupportedProtocol", message: `backendRefs: a ${kind} cannot speak the TLS of Backend ${key}` };
  }
  return { kind: "Backend", backend, port };
}
