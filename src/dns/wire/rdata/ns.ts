/** NS: a server of the zone that begins at the owner (RFC 1035 section 3.3.11). */
import { TYPE } from "../type.ts";
import { name } from "./field.ts";
import { defineRdata } from "./rdata.ts";

export const ns = defineRdata(TYPE.NS, [name("server", { compressible: true })]);
