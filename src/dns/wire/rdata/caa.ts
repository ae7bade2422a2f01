/**
 * CAA: who may issue certificates for the owner (RFC 8659 section 4.1).
 *
 *     +--+--+--+--+--+--+--+--+
 *     | FLAGS | TAG LENGTH | TAG ... | VALUE ...
 *     +--+--+--+--+--+--+--+--+
 */
import { TYPE } from "../type.ts";
import { characterString, restAsString, uint8, type Field } from "./field.ts";
import { defineRdata } from "./rdata.ts";

const text = characterString("tag");

/** Letters and digits, at least one (RFC 8659 section 4.1), written without quotes. */
const tag: Field = {
  ...text,
  parse(tokens, origin, out) {
    const word = tokens.peek()?.text ?? "";
    return /^[a-z0-9]{1,255}$/i.test(word)
      ? text.parse(tokens, origin, out)
      : `tag ${word} is not made of letters and digits`;
  },
  format: (rdata, at, end) => text.format(rdata, at, end).slice(1, -1),
};

export const caa = defineRdata(TYPE.CAA, [uint8("flags"), tag, restAsString("value")]);
