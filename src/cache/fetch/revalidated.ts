/** What a revalidation needs of a stored response, and how it asks (RFC 9111 section 4.3.1). */
import { FIELD } from "#src/http/field.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import type { CacheProcess } from "../cache-process.ts";
import type { StoredObject } from "../store/object.ts";
import { readHead } from "../store/stored-head.ts";

/** A stored response that is asked about: what it is recognised by, and what the origin recognises it by. */
export interface Revalidated {
  readonly unit: number;
  readonly slot: number;
  /** "" for none. */
  readonly etag: string;
  readonly lastModified: string;
}

export function revalidated(cache: CacheProcess, object: StoredObject): Revalidated {
  const { bytes } = cache.segment.slabOf(object.unit);
  const head = readHead(bytes, object.keyEnd, object.h1End, object.status);
  const textOf = (id: number): string => {
    const index = head.find(id);
    return index < 0 ? "" : head.value(index);
  };
  return {
    unit: object.unit,
    slot: object.slot,
    etag: textOf(FIELD.etag),
    lastModified: textOf(FIELD["last-modified"]),
  };
}

/** A request's edits with the validators of what is stored. */
export function conditionalEdits(edits: FieldEdits, { etag, lastModified }: Revalidated): FieldEdits {
  const all = new FieldEdits();
  all.merge(edits);
  if (etag !== "") all.add("if-none-match", etag);
  if (lastModified !== "") all.add("if-modified-since", lastModified);
  return all;
}
