/** The first frame of a connection to the listener, before anything else of it is believed. */
import type { Duplex } from "node:stream";
import { asClientFrame } from "./frame-shape.ts";

/** A projected service account token has about 1,200 characters. */
const MAX_TOKEN_FRAME_BYTES = 20 * 1024;

/**
 * The token in it; undefined when the first frame is another, is too long, or does not come before the end. The socket is
 * paused afterwards, with what followed the frame still to be read.
 */
export function readFirstToken(socket: Duplex): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  let held: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    held = Buffer.concat([held, chunk]);
    if (held.length < 4) return;
    const end = 4 + held.readUInt32BE(0);
    if (end > MAX_TOKEN_FRAME_BYTES) return finish(undefined);
    if (held.length < end) return;
    const token = tokenOf(held.toString("utf8", 4, end));
    held = held.subarray(end);
    finish(token);
  };
  const onEnd = (): void => finish(undefined);
  const finish = (token: string | undefined): void => {
    socket.off("data", onData).off("end", onEnd).off("close", onEnd);
    socket.pause();
    if (token !== undefined && held.length > 0) socket.unshift(held);
    resolve(token);
  };
  socket.on("data", onData).on("end", onEnd).on("close", onEnd);
  return promise;
}

function tokenOf(text: string): string | undefined {
  try {
    const frame = asClientFrame(JSON.parse(text));
    return frame?.type === "token" ? frame.token : undefined;
  } catch {
    return undefined;
  }
}
