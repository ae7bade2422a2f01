/** PTR: a pointer to another name, as reverse zones hold (RFC 1035 section 3.3.12). */
import { TYPE } from "../type.ts";
import { name } from "./field.ts";
import { defineRdata } from "./rdata.ts";

export const ptr = defineRdata(TYPE.PTR, [name("name", { compressible: true })]);
