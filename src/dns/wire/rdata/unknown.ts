/** Any type in the form for types without a name of their own: `\# LENGTH HEX` (RFC 3597 section 5). */
import type { OctetWriter } from "../octet-writer.ts";
import type { RdataFault } from "./field.ts";
import type { Tokens } from "./tokens.ts";

/** Takes what follows `\#`. */
export function parseUnknown(tokens: Tokens, out: OctetWriter): RdataFault | undefined {
  const length = tokens.word() ?? "";
  if (!/^\d{1,5}$/.test(length)) return `length ${length} is not a number`;
  const hex = tokens.rest().join("");
  if (!/^([0-9a-f]{2})*$/i.test(hex)) return "data is not hexadecimal";
  if (hex.length / 2 !== Number(length)) return `length is ${length}, but ${hex.length / 2} bytes follow`;
  out.octets(Uint8Array.fromHex(hex));
  return undefined;
}

export const formatUnknown = (rdata: Uint8Array): string =>
  `\\# ${rdata.length} ${rdata.toHex().toUpperCase()}`.trimEnd();
