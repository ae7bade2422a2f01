/** Character strings in presentation form (RFC 1035 section 5.1), with `\X` and `\DDD` escapes; other text is UTF-8. */

const ENCODER = new TextEncoder();

/**
 * Bytes of a text with its escapes resolved, or undefined when an escape is broken. Where `separator` occurs without a
 * backslash before it, -1 stands instead of the byte.
 */
export function unescape(text: string, separator: number = -1): number[] | undefined {
  const bytes: number[] = [];
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at)!;
    if (code !== 0x5c) {
      if (code === separator) bytes.push(-1);
      else if (code < 0x80) bytes.push(code);
      else bytes.push(...ENCODER.encode(String.fromCodePoint(code)));
      at += code > 0xffff ? 2 : 1;
      continue;
    }
    const decimal = /^\d{3}/.exec(text.slice(at + 1, at + 4))?.[0];
    if (decimal !== undefined) {
      if (Number(decimal) > 255) return undefined;
      bytes.push(Number(decimal));
      at += 4;
      continue;
    }
    const next = text.codePointAt(at + 1);
    if (next === undefined || (next >= 0x30 && next <= 0x39) || next > 0x7e) return undefined;
    bytes.push(next);
    at += 2;
  }
  return bytes;
}

/** The quoted text of bytes [start, end). */
export function formatCharacterString(bytes: Uint8Array, start: number, end: number): string {
  let text = '"';
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte < 0x20 || byte >= 0x7f) text += `\\${String(byte).padStart(3, "0")}`;
    else text += byte === 0x22 || byte === 0x5c ? `\\${String.fromCharCode(byte)}` : String.fromCharCode(byte);
  }
  return `${text}"`;
}
