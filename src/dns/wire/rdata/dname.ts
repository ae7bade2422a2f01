/** DNAME: the name to which the subtree below the owner is redirected (RFC 6672 section 2.1). */
import { TYPE } from "../type.ts";
import { name } from "./field.ts";
import { defineRdata } from "./rdata.ts";

export const dname = defineRdata(TYPE.DNAME, [name("target", { compressible: false })]);
