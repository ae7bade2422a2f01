import { Client } from "undici";
import type { ProbeResult, ProbeTarget } from "./probe.ts";

const MAX_BODY_BYTES = 65_536;

/** GET with a status from 200 to 399 within the timeout, on a connection of its own: a kept one proves less. */
export async function probeHttp(target: ProbeTarget): Promise<ProbeResult> {
  const host = target.address.includes(":") ? `[${target.address}]` : target.address;
  const client = new Client(`http://${host}:${target.port}`, {
    connectTimeout: target.timeoutMs,
    maxResponseSize: MAX_BODY_BYTES,
  });
  try {
    const response = await client.request({
      method: "GET",
      path: target.path,
      headers: { "user-agent": "fairway-health" },
      signal: AbortSignal.timeout(target.timeoutMs),
      reset: true,
    });
    await response.body.dump({ limit: MAX_BODY_BYTES });
    return response.statusCode >= 200 && response.statusCode < 400 ? "ok" : "badStatus";
  } catch (error) {
    return reasonOf(error);
  } finally {
    await client.destroy();
  }
}

function reasonOf(error: unknown): ProbeResult {
  const { name, code } = error as { name?: string; code?: string };
  if (name === "TimeoutError" || name === "ConnectTimeoutError" || code === "UND_ERR_CONNECT_TIMEOUT") return "timeout";
  return code === "ECONNREFUSED" ? "refused" : "failed";
}
