import type { DataPlaneConfig } from "#src/config/model.ts";
import type { DataPlane } from "#src/resource/data-plane.ts";
import { durationMs } from "#src/resource/duration.ts";

export function translateDataPlane({ engine, accessLog, cache, http, upstream, tcp, udp }: DataPlane["spec"]): DataPlaneConfig {
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
