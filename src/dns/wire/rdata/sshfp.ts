/** SSHFP: the fingerprint of an SSH host key (RFC 4255 section 3.1). */
import { TYPE } from "../type.ts";
import { restAsHex, uint8 } from "./field.ts";
import { defineRdata } from "./rdata.ts";

export const sshfp = defineRdata(TYPE.SSHFP, [uint8("algorithm"), uint8("fingerprint type"), restAsHex("fingerprint")]);
