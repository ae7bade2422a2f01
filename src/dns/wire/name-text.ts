/** Names in presentation form (RFC 1035 section 5.1): dots between labels, `\.` and `\DDD` escapes. */
import { MAX_LABEL_BYTES, MAX_NAME_BYTES, ROOT, type NameFault } from "./name.ts";
import { unescape } from "./character-string.ts";

const DOT = 0x2e;
const BACKSLASH = 0x5c;
/** What BIND escapes by a backslash: . ; \ ( ) @ $ and the quotation mark. */
const ESCAPED = new Set([DOT, BACKSLASH, 0x22, 0x24, 0x28, 0x29, 0x3b, 0x40]);

/**
 * Wire bytes of a name's text. Without a final dot it is relative to `origin`, `@` is `origin` itself; no origin means
 * that the text must be absolute. Returns a fault for what is no name.
 */
export function parseName(text: string, origin?: Uint8Array): Uint8Array | NameFault {
  if (text === "@") return origin ?? "noOrigin";
  if (text === ".") return ROOT;
  if (text === "") return "emptyLabel";
  const bytes = unescape(text, DOT);
  if (bytes === undefined) return "badEscape";
  const labels = splitLabels(bytes);
  const absolute = labels.at(-1)?.length === 0;
  if (absolute) labels.pop();
  if (labels.some((label) => label.length === 0)) return "emptyLabel";
  if (labels.some((label) => label.length > MAX_LABEL_BYTES)) return "labelTooLong";
  const tail = absolute ? ROOT : origin;
  if (tail === undefined) return "noOrigin";
  const length = labels.reduce((sum, label) => sum + 1 + label.length, tail.length);
  if (length > MAX_NAME_BYTES) return "nameTooLong";
  const name = new Uint8Array(length);
  let at = 0;
  for (const label of labels) {
    name[at] = label.length;
    name.set(label, at + 1);
    at += 1 + label.length;
  }
  name.set(tail, at);
  return name;
}

/** `unescape` marks a separating dot as -1, so that an escaped one is an ordinary byte of its label. */
function splitLabels(bytes: readonly number[]): number[][] {
  const labels: number[][] = [[]];
  for (const byte of bytes) {
    if (byte < 0) labels.push([]);
    else labels.at(-1)!.push(byte);
  }
  return labels;
}

/** The text of the uncompressed, well-formed name at `start`, absolute, with its final dot. */
export function formatName(bytes: Uint8Array, start: number = 0): string {
  if (bytes[start] === 0) return ".";
  let text = "";
  for (let at = start; bytes[at]! !== 0; at += bytes[at]! + 1) {
    for (let index = at + 1; index <= at + bytes[at]!; index++) text += formatByte(bytes[index]!);
    text += ".";
  }
  return text;
}

function formatByte(byte: number): string {
  if (byte <= 0x20 || byte >= 0x7f) return `\\${String(byte).padStart(3, "0")}`;
  return ESCAPED.has(byte) ? `\\${String.fromCharCode(byte)}` : String.fromCharCode(byte);
}
