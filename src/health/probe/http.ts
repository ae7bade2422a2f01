import { connect } from "node:net";
import { type buildConnector, Client } from "undici";
import type { ProbeResult, ProbeTarget } from "./probe.ts";

const MAX_BODY_BYTES = 65_536;

/** GET with a status from 200 to 399 within the timeout, on a connection of its own: a kept one proves less. */
export async function probeHttp(target: ProbeTarget): Promise<ProbeResult> {
  const host = target.address.includes(":") ? `[${target.address}]` : target.address;
  const signal = AbortSignal.timeout(target.timeoutMs);
  const client = new Client(`http://${host}:${target.port}`, {
    connect: (_options, callback) => connectWithin(target, signal, callback),
    maxResponseSize: MAX_BODY_BYTES,
  });
  try {
    const response = await client.request({
      method: "GET",
      path: target.path,
      headers: { "user-agent": "fairway-health" },
      signal,
      reset: true,
    });
    await response.body.dump({ limit: MAX_BODY_BYTES });
    return response.statusCode >= 200 && response.statusCode < 400 ? "ok" : "badStatus";
  } catch (error) {
    return signal.aborted ? "timeout" : reasonOf(error);
  } finally {
    await client.destroy();
  }
}

/** undici's own limit for connecting is counted in ticks of half a second, and a request is not given up before that. */
function connectWithin(target: ProbeTarget, signal: AbortSignal, callback: buildConnector.Callback): void {
  const socket = connect({ host: target.address, port: target.port, noDelay: true, signal });
  const fail = (error: Error): void => callback(error, null);
  socket.once("error", fail);
  socket.once("connect", () => {
    socket.off("error", fail);
    callback(null, socket);
  });
}

function reasonOf(error: unknown): ProbeResult {
  return (error as { code?: string }).code === "ECONNREFUSED" ? "refused" : "failed";
}
