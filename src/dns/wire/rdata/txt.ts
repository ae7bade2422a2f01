/** TXT: one or more character strings (RFC 1035 section 3.3.14). */
import { TYPE } from "../type.ts";
import { characterString } from "./field.ts";
import { defineRdata } from "./rdata.ts";

export const txt = defineRdata(TYPE.TXT, [characterString("text")], true);
