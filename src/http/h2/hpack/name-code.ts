/**
 * Field names as HTTP/2 sees them, as one small number each: a numbered field's own number (field.ts), 0 for any other
 * name, negative for pseudo-header fields (RFC 9113 section 8.3) and for what is no field name at all.
 */
import { FIELD_NAMES } from "../../field.ts";

export const NAME = {
  other: 0,
  authority: -1,
  method: -2,
  path: -3,
  scheme: -4,
  status: -5,
  /** RFC 8441 section 4. */
  protocol: -6,
  /** Any other pseudo-header field. */
  unknownPseudo: -7,
  /** Empty, upper case, or with an octet that no field name has (RFC 9113 section 8.2.1). */
  invalid: -8,
} as const;

const PSEUDO_NAMES: Readonly<Record<string, number>> = {
  ":authority": NAME.authority,
  ":method": NAME.method,
  ":path": NAME.path,
  ":protocol": NAME.protocol,
  ":scheme": NAME.scheme,
  ":status": NAME.status,
};

/** 1 for each octet of a lower-case token (RFC 9110 section 5.6.2). */
const IS_NAME_OCTET = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
  IS_NAME_OCTET[character.charCodeAt(0)] = 1;

const COLON = 0x3a;
const SLOTS = 512;
const slotOf = (hash: number): number => (hash ^ (hash >>> 15)) & (SLOTS - 1);

interface Known {
  readonly code: number;
  readonly name: Uint8Array;
}

/** Open addressing, three slots of four empty: nearly every lookup ends at its first slot. */
const KNOWN: (Known | undefined)[] = Array.from({ length: SLOTS });

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x0100_0193);
  return hash;
}

function addKnown(text: string, code: number): void {
  const name = new TextEncoder().encode(text);
  let slot = slotOf(hashOf(name, 0, name.length));
  while (KNOWN[slot] !== undefined) slot = (slot + 1) & (SLOTS - 1);
  KNOWN[slot] = { code, name };
}

for (let id = 1; id < FIELD_NAMES.length; id++) addKnown(FIELD_NAMES[id]!, id);
for (const [name, code] of Object.entries(PSEUDO_NAMES)) addKnown(name, code);

/** The number of the name in bytes [start, end). */
export function nameCode(bytes: Uint8Array, start: number, end: number): number {
  for (let slot = slotOf(hashOf(bytes, start, end)); ; slot = (slot + 1) & (SLOTS - 1)) {
    const known = KNOWN[slot];
    if (known === undefined) return unknownName(bytes, start, end);
    if (isSame(known.name, bytes, start, end)) return known.code;
  }
}

function isSame(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[start + i]) return false;
  return true;
}

function unknownName(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return NAME.invalid;
  if (bytes[start] === COLON) return NAME.unknownPseudo;
  for (let i = start; i < end; i++) if (IS_NAME_OCTET[bytes[i]!] === 0) return NAME.invalid;
  return NAME.other;
}
