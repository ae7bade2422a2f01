import type { DataPlaneConfig } from "#src/config/model.ts";
import type { JudgedGateway } from "#src/gateway/gateway.ts";
import type { JudgedClass } from "#src/gateway/gateway-class.ts";
import { keyOf } from "#src/gateway/object-index.ts";
import type { PlaneOptions } from "#src/gateway/plane.ts";
import { type DataPlane, defaultDataPlane } from "#src/resource/data-plane.ts";
import { durationMs } from "#src/resource/duration.ts";

/** Options that an engine does not have are given their defaults, so that entries have one shape. */
function translateDataPlane(spec: DataPlane["spec"]): DataPlaneConfig {
  const { engine, accessLog, cache, http, upstream, tcp, udp } = { ...defaultDataPlane(spec.engine), ...spec };
  return {
    kind: "dataPlane",
    engine,
    accessLog,
    cacheMaxBytes: cache.maxBytes,
    httpMaxHeaderBytes: http.maxHeaderBytes,
    httpMaxBodyBytes: http.maxBodyBytes,
    httpHeaderTimeoutMs: durationMs(http.headerTimeout),
    httpIdleTimeoutMs: durationMs(http.idleTimeout),
    upstreamConnectTimeoutMs: durationMs(upstream.connectTimeout),
    upstreamIdleTimeoutMs: durationMs(upstream.idleTimeout),
    tcpIdleTimeoutMs: durationMs(tcp.idleTimeout),
    udpIdleTimeoutMs: durationMs(udp.idleTimeout),
  };
}

/** The options of each data plane that an accepted class or a Gateway of one is for, by key. */
export function translateDataPlanes(
  classes: readonly JudgedClass[],
  gateways: readonly JudgedGateway[],
  options: PlaneOptions,
): Map<string, DataPlaneConfig> {
  return new Map(
    served(classes, gateways).map(({ plane }) => [`dataplane/${plane.id}`, translateDataPlane(options.specOf(plane))]),
  );
}

/** Planes (Plane.id) by the DataPlane (`NAMESPACE/NAME`) that configures them. */
export function configuredPlanes(
  classes: readonly JudgedClass[],
  gateways: readonly JudgedGateway[],
): Map<string, readonly string[]> {
  const planes = new Map<string, string[]>();
  for (const { plane, dataPlane } of served(classes, gateways)) {
    if (dataPlane === undefined) continue;
    const key = keyOf(dataPlane.metadata);
    const known = planes.get(key) ?? [];
    if (!known.includes(plane.id)) planes.set(key, [...known, plane.id]);
  }
  return planes;
}

function served(
  classes: readonly JudgedClass[],
  gateways: readonly JudgedGateway[],
): readonly Pick<JudgedGateway, "plane" | "dataPlane">[] {
  return [...classes.filter(({ accepted }) => accepted), ...gateways.filter(({ isRefused }) => !isRefused)];
}
