/** DS: the digest of a key of the delegated zone (RFC 4034 section 5). */
import { TYPE } from "../type.ts";
import { restAsHex, uint16, uint8 } from "./field.ts";
import { defineRdata } from "./rdata.ts";

export const ds = defineRdata(TYPE.DS, [
  uint16("key tag"),
  uint8("algorithm"),
  uint8("digest type"),
  restAsHex("digest"),
]);
