/** NAPTR: a rule that rewrites a name or leads to a service (RFC 3403 section 4.1). */
import { TYPE } from "../type.ts";
import { characterString, name, uint16 } from "./field.ts";
import { defineRdata } from "./rdata.ts";

export const naptr = defineRdata(TYPE.NAPTR, [
  uint16("order"),
  uint16("preference"),
  characterString("flags"),
  characterString("services"),
  characterString("expression"),
  name("replacement", { compressible: false }),
]);
