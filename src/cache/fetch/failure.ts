/** What a client is told when the origin could not be asked. */
import type { AbortReason } from "#src/http/exchange.ts";
import type { UpstreamErrorSource } from "#src/http/upstream.ts";

interface Failure {
  readonly status: number;
  readonly reason: AbortReason;
}

/** RFC 9110 sections 15.6.3 to 15.6.5. */
export function failureOf(source: UpstreamErrorSource): Failure {
  switch (source) {
    case "timeout":
      return { status: 504, reason: "upstreamTimeout" };
    // Nothing to send to, by configuration (Gateway API, HTTPRoute backendRefs).
    case "noBackend":
      return { status: 500, reason: "upstreamFailed" };
    case "noEndpoint":
    case "limit":
      return { status: 503, reason: "upstreamFailed" };
    case "connect":
    case "tls":
    case "send":
    case "head":
    case "body":
      break;
  }
  return { status: 502, reason: "upstreamFailed" };
}
