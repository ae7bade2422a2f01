/**
 * MX: a mail exchange of the owner (RFC 1035 section 3.3.9).
 *
 *     +--+--+--+--+--+--+--+--+
 *     | PREFERENCE | EXCHANGE ...
 *     +--+--+--+--+--+--+--+--+
 */
import { TYPE } from "../type.ts";
import { name, uint16 } from "./field.ts";
import { defineRdata } from "./rdata.ts";

export const mx = defineRdata(TYPE.MX, [uint16("preference"), name("exchange", { compressible: true })]);
