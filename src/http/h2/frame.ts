/** HTTP/2 frames (RFC 9113 sections 4.1, 6 and 7): numbers, and writers of the small ones. */

/** "PRI * HTTP/2.0", which a client sends first (RFC 9113 section 3.4). */
export const PREFACE: Uint8Array = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  /** RFC 8441 section 3. */
  enableConnectProtocol: 8,
} as const;

/** Error codes (RFC 9113 section 7). */
export const ERROR = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

export type ErrorCode = (typeof ERROR)[keyof typeof ERROR];

export const FRAME_HEADER = 9;
/** The largest payload that we accept and send: the protocol's initial value (RFC 9113 section 6.5.2). */
export const MAX_FRAME_SIZE = 16_384;
/** Windows may not grow beyond (RFC 9113 section 6.9.1). */
export const MAX_WINDOW = 0x7fff_ffff;
/** Both windows before any SETTINGS or WINDOW_UPDATE. */
export const INITIAL_WINDOW = 65_535;

export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
  return at + 4;
}

/** Writes a frame's header; returns where its payload starts. */
export function writeFrameHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  id: number,
): number {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  return writeUint32(bytes, at + 5, id);
}

export function writeRstStream(bytes: Uint8Array, at: number, id: number, code: ErrorCode): number {
  return writeUint32(bytes, writeFrameHeader(bytes, at, 4, FRAME.rstStream, 0, id), code);
}

export function writeWindowUpdate(bytes: Uint8Array, at: number, id: number, increment: number): number {
  return writeUint32(bytes, writeFrameHeader(bytes, at, 4, FRAME.windowUpdate, 0, id), increment);
}

export function writeGoaway(bytes: Uint8Array, at: number, lastId: number, code: ErrorCode): number {
  return writeUint32(bytes, writeUint32(bytes, writeFrameHeader(bytes, at, 8, FRAME.goaway, 0, 0), lastId), code);
}

export function writeSettings(bytes: Uint8Array, at: number, settings: readonly (readonly [number, number])[]): number {
  at = writeFrameHeader(bytes, at, settings.length * 6, FRAME.settings, 0, 0);
  for (const [key, value] of settings) {
    bytes[at] = key >>> 8;
    bytes[at + 1] = key;
    at = writeUint32(bytes, at + 2, value);
  }
  return at;
}

export function writeSettingsAck(bytes: Uint8Array, at: number): number {
  return writeFrameHeader(bytes, at, 0, FRAME.settings, FLAG.ack, 0);
}
