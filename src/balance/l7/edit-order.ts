/** Edits upon edits: what a later step removes or sets also goes for the fields that an earlier one added. */
import { sameBytes } from "./byte-map.ts";
import type { FieldEdits } from "#src/http/field-edits.ts";

/** Appends `later` to `edits`, as if `later` saw the head that `edits` makes. */
export function applyAfter(edits: FieldEdits, later: FieldEdits): void {
  const { added } = edits;
  let kept = 0;
  for (let i = 0; i < added.length; i++) {
    const field = added[i]!;
    const isGone = field.id > 0 ? later.removedIds[field.id] === 1 : isNamedIn(later.removedNames, field.name);
    if (!isGone) added[kept++] = field;
  }
  added.length = kept;
  edits.merge(later);
}

function isNamedIn(names: readonly Uint8Array[], name: Uint8Array): boolean {
  for (let i = 0; i < names.length; i++) if (sameBytes(names[i]!, name, 0, name.length)) return true;
  return false;
}
