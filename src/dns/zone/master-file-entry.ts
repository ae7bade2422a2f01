/** Cutting a master file into entries: comments, quotes, escapes and parentheses (RFC 1035 section 5.1). */
import type { Token } from "#src/dns/wire/rdata/tokens.ts";

/** One record or directive; never without tokens, unless it is a fault. */
export interface MasterFileEntry {
  readonly line: number;
  /** It begins with a blank: the owner is the one before. */
  readonly indented: boolean;
  readonly tokens: readonly Token[];
  readonly fault: string | undefined;
}

/** A run of blanks; a comment; one parenthesis; a line's end; a quoted string; a word with escapes. */
const LEXEME = /([ \t]+)|(;[^\n]*)|([()])|(\r?\n)|"((?:[^"\\\n]|\\[^\n])*)"|((?:[^ \t\r\n;()"\\]|\\[^\n])+)|([^])/gy;

/** All entries of `text`, in order. Lines are counted from 1. */
export function readEntries(text: string): MasterFileEntry[] {
  const entries: MasterFileEntry[] = [];
  let line = 1;
  let depth = 0;
  let tokens: Token[] = [];
  let first = 1;
  let indented = false;
  let atLineStart = true;
  let fault: string | undefined;
  const finish = (): void => {
    if (tokens.length > 0 || fault !== undefined) entries.push({ line: first, indented, tokens, fault });
    tokens = [];
    fault = undefined;
    indented = false;
  };
  const add = (token: Token): void => {
    if (tokens.length === 0) first = line;
    tokens.push(token);
  };
  for (const [, blank, , parenthesis, newline, quoted, word, stray] of text.matchAll(LEXEME)) {
    if (newline !== undefined) {
      if (depth === 0) finish();
      line++;
    } else if (blank !== undefined) {
      if (atLineStart && depth === 0) indented = true;
    } else if (parenthesis !== undefined) {
      if (tokens.length === 0) first = line;
      depth += parenthesis === "(" ? 1 : -1;
      if (depth < 0) fault ??= "Cannot read the record: a ) without its (";
      depth = Math.max(depth, 0);
    } else if (quoted !== undefined) add({ text: quoted, quoted: true });
    else if (word !== undefined) add({ text: word, quoted: false });
    else if (stray !== undefined && stray !== "\r") {
      if (tokens.length === 0) first = line;
      fault ??= `Cannot read the record: ${stray === '"' ? "a quotation mark without its end" : `${JSON.stringify(stray)} stands alone`}`;
    }
    atLineStart = newline !== undefined;
  }
  if (depth > 0) fault ??= "Cannot read the record: a ( without its )";
  finish();
  return entries;
}
