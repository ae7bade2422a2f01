/**
 * SRV: where a service is (RFC 2782). The target is never compressed.
 *
 *     +--+--+--+--+--+--+--+--+--+--+
 *     | PRIORITY | WEIGHT | PORT | TARGET ...
 *     +--+--+--+--+--+--+--+--+--+--+
 */
import { TYPE } from "../type.ts";
import { name, uint16 } from "./field.ts";
import { defineRdata } from "./rdata.ts";

export const srv = defineRdata(TYPE.SRV, [
  uint16("priority"),
  uint16("weight"),
  uint16("port"),
  name("target", { compressible: false }),
]);
