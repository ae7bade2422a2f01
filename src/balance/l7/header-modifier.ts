/** Gateway API's header filters: set replaces, add appends, remove leaves out. Compiled once, applied to every head. */
import type { HeaderModifier } from "#src/config/model.ts";
import type { Exchange } from "#src/http/exchange.ts";
import { FIELD, fieldNumber } from "#src/http/field.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import { HOP_BY_HOP, type Message } from "#src/http/message.ts";
import type { Stage } from "#src/http/stage.ts";
import { applyAfter } from "./edit-order.ts";

/** Framing and connection are each side's own: no filter may speak of them (RFC 9110 section 7.6.1). */
const isFraming = (name: string): boolean => {
  const id = fieldNumber(name.toLowerCase());
  return id === FIELD["content-length"] || HOP_BY_HOP.includes(id);
};

export function headerEdits(modifier: HeaderModifier): FieldEdits {
  const edits = new FieldEdits();
  for (const name of modifier.remove) if (!isFraming(name)) edits.remove(name);
  for (const { name, value } of modifier.set) {
    // A head has exactly one Host, which stands before all fields.
    if (name.toLowerCase() === "host") edits.authority = Buffer.from(value, "latin1");
    else if (!isFraming(name)) edits.set(name, value);
  }
  for (const { name, value } of modifier.add) {
    if (name.toLowerCase() !== "host" && !isFraming(name)) edits.add(name, value);
  }
  return edits;
}

/** Changes the heads of all responses of a rule: a backend's, a cached one, and those made here. */
export class ResponseHeaderStage implements Stage {
  readonly #changes: FieldEdits;

  constructor(changes: FieldEdits) {
    this.#changes = changes;
  }

  onRequest(): "next" {
    return "next";
  }

  onResponse(_exchange: Exchange, _head: Message, edits: FieldEdits): void {
    applyAfter(edits, this.#changes);
  }
}
