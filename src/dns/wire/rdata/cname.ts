/** CNAME: the canonical name of which the owner is an alias (RFC 1035 section 3.3.1). */
import { TYPE } from "../type.ts";
import { name } from "./field.ts";
import { defineRdata } from "./rdata.ts";

export const cname = defineRdata(TYPE.CNAME, [name("canonical name", { compressible: true })]);
