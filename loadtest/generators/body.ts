/** Bodies in which a byte at a wrong place shows. */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

export function bodyByte(position: number): number {
  return ALPHABET.charCodeAt((position + Math.floor(position / 32)) % ALPHABET.length);
}

export function makeBody(bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  for (let index = 0; index < bytes; index++) body[index] = bodyByte(index);
  return body;
}
