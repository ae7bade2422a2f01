/** A record type's rdata as a list of fields, and what follows from it. */
import { nameLength } from "../name.ts";
import type { OctetWriter } from "../octet-writer.ts";
import type { Field, RdataFault } from "./field.ts";
import type { Tokens } from "./tokens.ts";

export interface RdataCodec {
  readonly type: number;
  readonly fields: readonly Field[];
  /** The last field occurs once or more, up to the end of the rdata (TXT). */
  readonly repeatLast: boolean;
}

export const defineRdata = (type: number, fields: readonly Field[], repeatLast = false): RdataCodec => ({
  type,
  fields,
  repeatLast,
});

/** Copies rdata [at, end) of the message beginning at `start` to `out`, names decompressed. False when it is malformed. */
export function decodeFields(
  codec: RdataCodec,
  message: Uint8Array,
  start: number,
  from: number,
  end: number,
  out: OctetWriter,
): boolean {
  let at = from;
  for (const field of codec.fields) {
    at = field.decode(message, start, at, end, out);
    if (at < 0) return false;
  }
  const last = codec.fields.at(-1)!;
  while (codec.repeatLast && at < end) {
    at = last.decode(message, start, at, end, out);
    if (at < 0) return false;
  }
  return at === end;
}

export function parseFields(
  codec: RdataCodec,
  tokens: Tokens,
  origin: Uint8Array | undefined,
  out: OctetWriter,
): RdataFault | undefined {
  for (const field of codec.fields) {
    const fault = field.parse(tokens, origin, out);
    if (fault !== undefined) return fault;
  }
  const last = codec.fields.at(-1)!;
  while (codec.repeatLast && !tokens.done) {
    const fault = last.parse(tokens, origin, out);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Text of decompressed rdata, or undefined when it does not have the type's form. */
export function formatFields(codec: RdataCodec, rdata: Uint8Array): string | undefined {
  const texts: string[] = [];
  let at = 0;
  const one = (field: Field): boolean => {
    const next = field.measure(rdata, at, rdata.length);
    if (next < 0) return false;
    texts.push(field.format(rdata, at, next));
    at = next;
    return true;
  };
  if (!codec.fields.every(one)) return undefined;
  while (codec.repeatLast && at < rdata.length) if (!one(codec.fields.at(-1)!)) return undefined;
  return at === rdata.length ? texts.join(" ") : undefined;
}

/** Calls `each` for the names of well-formed decompressed rdata and for the bytes between them, in order. */
export function visitNames(
  codec: RdataCodec,
  rdata: Uint8Array,
  each: (start: number, end: number, compressible: boolean) => void,
): void {
  let plain = 0;
  let at = 0;
  for (const field of codec.fields) {
    const next = field.measure(rdata, at, rdata.length);
    if (field.compressible) {
      if (at > plain) each(plain, at, false);
      each(at, at + nameLength(rdata, at), true);
      plain = next;
    }
    at = next;
  }
  if (rdata.length > plain) each(plain, rdata.length, false);
}
