/**
 * SOA: the start of a zone of authority (RFC 1035 section 3.3.13).
 *
 *     MNAME, RNAME, then five numbers of 32 bits:
 *     SERIAL | REFRESH | RETRY | EXPIRE | MINIMUM
 */
import { readUint32 } from "../header.ts";
import { TYPE } from "../type.ts";
import { name, seconds, uint32 } from "./field.ts";
import { defineRdata } from "./rdata.ts";

export const soa = defineRdata(TYPE.SOA, [
  name("primary server", { compressible: true }),
  name("mailbox", { compressible: true }),
  uint32("serial"),
  seconds("refresh"),
  seconds("retry"),
  seconds("expire"),
  seconds("minimum"),
]);

/** SERIAL of decompressed SOA rdata. */
export const soaSerial = (rdata: Uint8Array): number => readUint32(rdata, rdata.length - 20);

/** MINIMUM of decompressed SOA rdata: with the SOA's own TTL, how long an absence is kept (RFC 2308 section 5). */
export const soaMinimum = (rdata: Uint8Array): number => readUint32(rdata, rdata.length - 4);
