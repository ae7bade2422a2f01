/** All types whose rdata has a form of its own, and the three directions between text, rdata and messages. */
import { OctetWriter } from "../octet-writer.ts";
import { typeName } from "../type.ts";
import { a } from "./a.ts";
import { aaaa } from "./aaaa.ts";
import { caa } from "./caa.ts";
import { cname } from "./cname.ts";
import { dname } from "./dname.ts";
import { ds } from "./ds.ts";
import type { RdataFault } from "./field.ts";
import { mx } from "./mx.ts";
import { naptr } from "./naptr.ts";
import { ns } from "./ns.ts";
import { ptr } from "./ptr.ts";
import { decodeFields, formatFields, parseFields, visitNames, type RdataCodec } from "./rdata.ts";
import { soa } from "./soa.ts";
import { srv } from "./srv.ts";
import { sshfp } from "./sshfp.ts";
import { tlsa } from "./tlsa.ts";
import type { Tokens } from "./tokens.ts";
import { txt } from "./txt.ts";
import { formatUnknown, parseUnknown } from "./unknown.ts";

const CODECS: ReadonlyMap<number, RdataCodec> = new Map(
  [a, aaaa, caa, cname, dname, ds, mx, naptr, ns, ptr, soa, srv, sshfp, tlsa, txt].map((codec) => [codec.type, codec]),
);

export const MAX_RDATA_BYTES = 65_535;

/** Rdata [at, end) of the message that begins at `start`, names decompressed; undefined when it is malformed. */
export function decodeRdata(
  type: number,
  message: Uint8Array,
  start: number,
  at: number,
  end: number,
): Uint8Array | undefined {
  const codec = CODECS.get(type);
  if (codec === undefined) return message.slice(at, end);
  const out = new OctetWriter(end - at + 512);
  return decodeFields(codec, message, start, at, end, out) && !out.overflowed ? out.copy() : undefined;
}

/** Rdata of a record's text, or why it is none. `out` is where it is made: whoever reads many records passes the same one. */
export function parseRdata(
  type: number,
  tokens: Tokens,
  origin: Uint8Array | undefined,
  out: OctetWriter = new OctetWriter(MAX_RDATA_BYTES),
): Uint8Array | { readonly fault: RdataFault } {
  out.reset();
  const codec = CODECS.get(type);
  const first = tokens.peek();
  let fault: RdataFault | undefined;
  if (first?.text === "\\#" && !first.quoted) {
    tokens.next();
    fault = parseUnknown(tokens, out);
    if (fault === undefined && codec !== undefined && formatFields(codec, out.copy()) === undefined) {
      fault = `data has not the form of ${typeName(type)}`;
    }
  } else if (codec === undefined) fault = `type ${typeName(type)} is written as \\# LENGTH HEX here (RFC 3597)`;
  else fault = parseFields(codec, tokens, origin, out);
  if (fault === undefined && out.overflowed) fault = `data has more than ${MAX_RDATA_BYTES} bytes`;
  if (fault === undefined && !tokens.done) fault = `${tokens.peek()!.text} is one word too many`;
  return fault === undefined ? out.copy() : { fault };
}

/** Text of decompressed rdata. */
export function formatRdata(type: number, rdata: Uint8Array): string {
  const codec = CODECS.get(type);
  return (codec === undefined ? undefined : formatFields(codec, rdata)) ?? formatUnknown(rdata);
}

/** Calls `each` for the compressible names of decompressed rdata and for the bytes between them, in order. */
export function visitRdata(
  type: number,
  rdata: Uint8Array,
  each: (start: number, end: number, compressible: boolean) => void,
): void {
  const codec = CODECS.get(type);
  if (codec === undefined) each(0, rdata.length, false);
  else visitNames(codec, rdata, each);
}
