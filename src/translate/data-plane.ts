import type { DataPlaneConfig } from "#src/config/model.ts";
import { type DataPlane, defaultDataPlane } from "#src/resource/data-plane.ts";
import { durationMs } from "#src/resource/duration.ts";

/** Options that an engine does not have are given their defaults, so that entries have one shape. */
export function translateDataPlane(spec: DataPlane["spec"]): DataPlaneConfig {
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
