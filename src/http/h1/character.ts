/** Classes of bytes as tables of 256, 1 for a member: one indexed read decides. */

function tableOf(isMember: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (isMember(code) ? 1 : 0));
}

const isAlphanumeric = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);

const isOneOf = (code: number, characters: string): boolean =>
  code < 0x80 && characters.includes(String.fromCharCode(code));

/** RFC 9110 section 5.6.2: tchar. */
export const TOKEN = tableOf((code) => isAlphanumeric(code) || isOneOf(code, "!#$%&'*+-.^_`|~"));

/** RFC 9110 section 5.5: field-vchar, obs-text, SP and HTAB. */
export const FIELD_VALUE = tableOf((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f));

/**
 * A path's bytes: RFC 3986 section 3.3, and `|`, `[`, `]`, which browsers leave as they are (WHATWG URL, path
 * percent-encode set). `%` is looked at on its own.
 */
export const PATH = tableOf((code) => isAlphanumeric(code) || isOneOf(code, "-._~!$&'()*+,;=:@/|[]"));

/** A query's bytes: all that browsers do not encode (WHATWG URL, query percent-encode set). */
export const QUERY = tableOf((code) => code > 0x20 && code < 0x7f && !isOneOf(code, '"<>#'));

/** A registered name without percent-encoding and sub-delimiters, which no resolver knows (RFC 3986 section 3.2.2). */
export const HOST = tableOf((code) => isAlphanumeric(code) || isOneOf(code, "-._~"));

/** Inside the brackets of an IPv6 literal. */
export const IPV6 = tableOf(
  (code) =>
    (code >= 0x30 && code <= 0x3a) || code === 0x2e || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66),
);

export const HEX = tableOf(
  (code) => (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66),
);

export const HT = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const PERCENT = 0x25;
export const ASTERISK = 0x2a;
export const COMMA = 0x2c;
export const SLASH = 0x2f;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const QUESTION = 0x3f;

/** Whether bytes [start, end) are `word` (lower-case ASCII), letters in any case. */
export function equalsIgnoreCase(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    const code = bytes[start + i]!;
    if ((code >= 0x41 && code <= 0x5a ? code | 0x20 : code) !== word[i]!) return false;
  }
  return true;
}
