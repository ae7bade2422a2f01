import { connect } from "node:net";
import type { ProbeResult, ProbeTarget } from "./probe.ts";

/** A connection that is accepted within the timeout. It is reset at once, so that no side keeps TIME_WAIT. */
export function probeTcp(target: ProbeTarget): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.address, port: target.port, noDelay: true });
    const end = (result: ProbeResult): void => {
      clearTimeout(timer);
      socket.resetAndDestroy();
      resolve(result);
    };
    const timer = setTimeout(() => end("timeout"), target.timeoutMs);
    socket.once("connect", () => end("ok"));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code === "ECONNREFUSED" ? "refused" : "failed"));
  });
}
