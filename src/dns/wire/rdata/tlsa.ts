/** TLSA: the certificate that a TLS service shows (RFC 6698 section 2.1). */
import { TYPE } from "../type.ts";
import { restAsHex, uint8 } from "./field.ts";
import { defineRdata } from "./rdata.ts";

export const tlsa = defineRdata(TYPE.TLSA, [
  uint8("usage"),
  uint8("selector"),
  uint8("matching type"),
  restAsHex("data"),
]);
