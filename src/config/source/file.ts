import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { splitDocuments } from "#src/resource/documents.ts";
import { type DocumentObject, readDocument, readZoneFile } from "./document.ts";
import type { FileContent } from "./merge.ts";
import type { Reading } from "./object.ts";
import type { TreeFile } from "./tree.ts";

/** A file as it was read, with its documents by text: those that did not change need not be read again. */
export interface ReadFile {
  readonly stamp: string;
  readonly content: FileContent;
  readonly byText: ReadonlyMap<string, readonly DocumentObject[]>;
}

const MAX_YAML_BYTES = 16 * 1024 * 1024;
const MAX_ZONE_BYTES = 64 * 1024 * 1024;
const MAX_DOCUMENTS = 10_000;

const NOTHING: ReadonlyMap<string, readonly DocumentObject[]> = new Map();

/** Reads a file, taking over from its last reading what is still the same. Never throws. */
export function readFile({ file, bytes, stamp }: TreeFile, reading: Reading, last: ReadFile | undefined): ReadFile {
  const isZone = /\.zone$/i.test(file);
  const failed = (failure: string): ReadFile => ({ stamp, byText: NOTHING, content: { file, documents: [], failure } });
  const most = isZone ? MAX_ZONE_BYTES : MAX_YAML_BYTES;
  if (bytes > most) return failed(`larger than ${most} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    return failed(
      error instanceof TypeError
        ? "not valid UTF-8"
        : `cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (isZone) {
    const objects = last?.byText.get(text) ?? [readZoneFile(text, basename(file).replace(/\.zone$/i, ""), reading)];
    return {
      stamp,
      byText: new Map([[text, objects]]),
      content: { file, documents: [{ line: 1, objects }], failure: undefined },
    };
  }
  const documents = splitDocuments(text);
  if (documents.length > MAX_DOCUMENTS) return failed(`more than ${MAX_DOCUMENTS} documents`);
  const byText = new Map<string, readonly DocumentObject[]>();
  const read = documents.map((document) => {
    const objects =
      byText.get(document.text) ?? last?.byText.get(document.text) ?? readDocument(document.text, reading);
    byText.set(document.text, objects);
    return { line: document.line, objects };
  });
  return { stamp, byText, content: { file, documents: read, failure: undefined } };
}
