/** Field lines up to and with the empty line that ends them (RFC 9112 section 5), strict: CRLF only, no folding. */
import { MAX_FIELDS, type Message } from "../message.ts";
import { COLON, CR, FIELD_VALUE, HT, LF, SP, TOKEN } from "./character.ts";
import { fieldId } from "./field-id.ts";
import { REASON } from "./head-reason.ts";

/** Bounds of one head or trailer section. */
export interface HeadLimits {
  readonly headBytes: number;
  readonly fields: number;
}

/** Adds the fields in bytes [at, end) to `message`. Index behind the empty line, 0 when more bytes are needed, or -REASON. */
export function parseFieldLines(
  bytes: Uint8Array,
  at: number,
  end: number,
  message: Message,
  limits: HeadLimits,
): number {
  const most = Math.min(limits.fields, MAX_FIELDS);
  let p = at;
  for (;;) {
    if (p >= end) return 0;
    if (bytes[p] === CR) {
      if (p + 1 >= end) return 0;
      return bytes[p + 1] === LF ? p + 2 : -REASON.badLineEnd;
    }
    const nameStart = p;
    while (p < end && TOKEN[bytes[p]!] === 1) p++;
    if (p === end) return 0;
    if (bytes[p] !== COLON || p === nameStart) return -nameFault(bytes, nameStart, p);
    const nameEnd = p++;
    while (p < end && (bytes[p] === SP || bytes[p] === HT)) p++;
    const valueStart = p;
    while (p < end && FIELD_VALUE[bytes[p]!] === 1) p++;
    if (p === end) return 0;
    if (bytes[p] !== CR) return bytes[p] === LF ? -REASON.badLineEnd : -REASON.badFieldValue;
    if (p + 1 >= end) return 0;
    if (bytes[p + 1] !== LF) return -REASON.badLineEnd;
    let valueEnd = p;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HT)) valueEnd--;
    p += 2;
    if (message.fieldCount === most) return -REASON.tooManyFields;
    if (!message.addField(fieldId(bytes, nameStart, nameEnd), nameStart, nameEnd, valueStart, valueEnd)) {
      return -REASON.tooManyFields;
    }
  }
}

function nameFault(bytes: Uint8Array, nameStart: number, at: number): number {
  const isBlank = bytes[at] === SP || bytes[at] === HT;
  if (isBlank) return at === nameStart ? REASON.foldedField : REASON.spaceBeforeColon;
  return bytes[at] === LF ? REASON.badLineEnd : REASON.badFieldName;
}
