/**
 * Decodes header blocks (RFC 7541 section 3) of one connection into a field section. A block must be decoded to its end
 * even when its stream is refused or its fields are too many: the dynamic table is the connection's.
 */
import type { FieldSection } from "../field-section.ts";
import { DynamicTable, ENTRY_OVERHEAD } from "./dynamic-table.ts";
import { decodeHuffman } from "./huffman.ts";
import { type Cursor, decodeInteger } from "./integer.ts";
import { nameCode } from "./name-code.ts";
import { STATIC_CODES, STATIC_ENTRIES, STATIC_RANGES } from "./static-table.ts";

/** The table size that a decoder begins with and that our settings leave as it is (RFC 9113 section 6.5.2), in octets. */
const HEADER_TABLE_SIZE = 4096;

export type HpackFault = "badIndex" | "badInteger" | "badString" | "badTableSize";

/** First octets of the representations (RFC 7541 section 6). */
const INDEXED = 0x80;
const INCREMENTAL = 0x40;
const SIZE_UPDATE = 0x20;
const HUFFMAN = 0x80;

export class HpackDecoder {
  readonly #table = new DynamicTable(HEADER_TABLE_SIZE);
  readonly #cursor: Cursor = { bytes: new Uint8Array(0), at: 0, end: 0 };

  /** Octets that the dynamic table counts at present. */
  get tableSize(): number {
    return this.#table.size;
  }

  /** Decodes octets [start, end) into `section`, which the caller has begun. A fault ends the connection (section 4.3 of RFC 9113). */
  decode(bytes: Uint8Array, start: number, end: number, section: FieldSection): HpackFault | undefined {
    const cursor = this.#cursor;
    cursor.bytes = bytes;
    cursor.at = start;
    cursor.end = end;
    let sizeMayChange = true;
    while (cursor.at < end) {
      const first = bytes[cursor.at]!;
      let fault: HpackFault | undefined;
      if (first >= INDEXED) fault = this.#indexed(section);
      else if (first >= INCREMENTAL) fault = this.#literal(section, 6, true);
      else if (first < SIZE_UPDATE) fault = this.#literal(section, 4, false);
      else fault = sizeMayChange ? this.#sizeUpdate() : "badTableSize";
      if (fault !== undefined) return fault;
      if (first >= INCREMENTAL || first < SIZE_UPDATE) sizeMayChange = false;
    }
    return undefined;
  }

  #indexed(section: FieldSection): HpackFault | undefined {
    const index = decodeInteger(this.#cursor, 7);
    if (index <= 0) return index < 0 ? "badInteger" : "badIndex";
    if (index <= STATIC_ENTRIES) {
      const at = index * 3;
      section.add(
        STATIC_CODES[index]!,
        STATIC_RANGES[at]!,
        STATIC_RANGES[at + 1]!,
        STATIC_RANGES[at + 1]!,
        STATIC_RANGES[at + 2]!,
      );
      return undefined;
    }
    const entry = this.#table.get(index - STATIC_ENTRIES - 1);
    if (entry === undefined) return "badIndex";
    if (!section.fits(entry.size - ENTRY_OVERHEAD)) return undefined;
    const nameStart = section.end;
    const valueStart = section.append(entry.name);
    section.add(entry.code, nameStart, valueStart, valueStart, section.append(entry.value));
    return undefined;
  }

  #literal(section: FieldSection, prefixBits: number, incremental: boolean): HpackFault | undefined {
    const index = decodeInteger(this.#cursor, prefixBits);
    if (index < 0) return "badInteger";
    let code = 0;
    let nameStart = section.end;
    let nameEnd = 0;
    if (index === 0) {
      nameEnd = this.#string(section.arena, nameStart);
      if (nameEnd < 0) return "badString";
      code = nameCode(section.arena, nameStart, nameEnd);
    } else if (index <= STATIC_ENTRIES) {
      code = STATIC_CODES[index]!;
      nameStart = STATIC_RANGES[index * 3]!;
      nameEnd = STATIC_RANGES[index * 3 + 1]!;
    } else {
      const entry = this.#table.get(index - STATIC_ENTRIES - 1);
      if (entry === undefined) return "badIndex";
      code = entry.code;
      nameEnd = section.append(entry.name);
    }
    const valueStart = index === 0 || index > STATIC_ENTRIES ? nameEnd : section.end;
    const valueEnd = this.#string(section.arena, valueStart);
    if (valueEnd < 0) return "badString";
    if (incremental)
      this.#table.add(code, section.arena.slice(nameStart, nameEnd), section.arena.slice(valueStart, valueEnd));
    section.end = valueEnd;
    section.add(code, nameStart, nameEnd, valueStart, valueEnd);
    return undefined;
  }

  #sizeUpdate(): HpackFault | undefined {
    const size = decodeInteger(this.#cursor, 5);
    if (size < 0 || size > HEADER_TABLE_SIZE) return "badTableSize";
    this.#table.resize(size);
    return undefined;
  }

  /** A string literal (RFC 7541 section 5.2), written to `arena` from `at` on; the position after it, or -1. */
  #string(arena: Uint8Array, at: number): number {
    const cursor = this.#cursor;
    if (cursor.at >= cursor.end) return -1;
    const huffman = cursor.bytes[cursor.at]! >= HUFFMAN;
    const length = decodeInteger(cursor, 7);
    const start = cursor.at;
    if (length < 0 || length > cursor.end - start) return -1;
    cursor.at = start + length;
    if (huffman) return decodeHuffman(cursor.bytes, start, cursor.at, arena, at);
    for (let i = start; i < cursor.at; i++) arena[at++] = cursor.bytes[i]!;
    return at;
  }
}
