/**
 * The fixed header of every message (RFC 1035 section 4.1.1, flags of RFC 2535 and RFC 6840):
 *
 *     0  ID         2  QR Opcode(4) AA TC RD | RA Z AD CD RCODE(4)
 *     4  QDCOUNT    6  ANCOUNT   8  NSCOUNT  10  ARCOUNT
 */

export const HEADER_BYTES = 12;

export const FLAG = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const;

/** Largest message: the TCP length prefix is two bytes (RFC 1035 section 4.2.2). */
export const MAX_MESSAGE_BYTES = 65_535;

export const readUint16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

export const readUint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

export function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
