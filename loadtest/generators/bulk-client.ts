/**
 * A program that downloads over some connections for a time: PORT BODY_BYTES CONNECTIONS SECONDS. Prints one line of JSON:
 * bytes of bodies, seconds, faults. Each connection asks again when a body is complete.
 */
import { connect } from "node:net";
import { bodyByte } from "./body.ts";

const [port, bodyBytes, connections, seconds] = process.argv.slice(2).map(Number) as [number, number, number, number];
const CONNECT_MS = 10_000;
const BUFFER_BYTES = 256 * 1024;
const HEAD_END = "\r\n\r\n";
const REQUEST = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

let bytes = 0;
const faults = new Set<string>();

/** Bytes at some places of each piece: one that is lost, doubled or moved shows. */
function check(piece: Uint8Array, position: number): void {
  const step = Math.max(1, piece.length >> 3);
  for (let index = 0; index < piece.length; index += step) {
    if (piece[index] !== bodyByte(position + index)) faults.add(`a wrong byte`);
  }
}

function download(): () => void {
  /** Of the body, so far; -1 in the head. */
  let position = -1;
  const onPiece = (count: number, buffer: Uint8Array): boolean => {
    let start = 0;
    if (position < 0) {
      const head = Buffer.from(buffer.buffer, buffer.byteOffset, count).indexOf(HEAD_END);
      if (head < 0) faults.add("a head in several pieces");
      start = head + HEAD_END.length;
      position = 0;
    }
    if (bytes === 0) begin();
    const piece = buffer.subarray(start, count);
    check(piece, position);
    position += piece.length;
    bytes += piece.length;
    if (position > bodyBytes) faults.add("a body that is too long");
    if (position >= bodyBytes) {
      position = -1;
      socket.write(REQUEST);
    }
    return true;
  };
  const onread = { buffer: new Uint8Array(BUFFER_BYTES), callback: onPiece };
  const socket = connect({ host: "127.0.0.1", port, onread }, () => socket.write(REQUEST));
  socket.on("error", (error) => faults.add(error.message));
  socket.on("end", () => faults.add("a connection that ended"));
  return () => {
    socket.removeAllListeners("end");
    socket.destroy();
  };
}

const stops = Array.from({ length: connections }, download);
const nothing = setTimeout(() => report(0), CONNECT_MS);

/** The time runs from the first piece on. */
function begin(): void {
  clearTimeout(nothing);
  const begun = performance.now();
  setTimeout(() => report((performance.now() - begun) / 1000), seconds * 1000);
}

function report(took: number): void {
  for (const stop of stops) stop();
  if (bytes === 0) faults.add("not a byte");
  console.log(JSON.stringify({ bytes, seconds: took, faults: [...faults] }));
}
