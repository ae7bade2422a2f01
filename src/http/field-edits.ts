/**
 * Changes to a head on its way through: what to leave out, what to set, what to add. Compiled once for fixed changes
 * (a route's header filters), filled anew per request for the rest (X-Forwarded-For, Via, Age). Writers of every HTTP
 * version apply it, so nobody edits rendered bytes.
 */
import { FIELD_NAMES, fieldNumber } from "./field.ts";

const encoder = new TextEncoder();

export class FieldEdits {
  /** 1 for each numbered field to leave out: for reading; `removeId` sets it. */
  readonly removedIds = new Uint8Array(FIELD_NAMES.length);
  /** The same as a list, so that clearing and merging cost what was set. */
  readonly #removed: number[] = [];
  /** Lower-case names without a number to leave out. */
  readonly removedNames: Uint8Array[] = [];
  /** Fields to write behind the kept ones, in order. Names lower case. */
  readonly added: AddedField[] = [];
  /** A new :path / request target, :authority / Host, undefined to keep the request's own. */
  target: Uint8Array | undefined = undefined;
  authority: Uint8Array | undefined = undefined;
  /** A new status, 0 to keep the response's own. */
  status = 0;

  get empty(): boolean {
    return (
      this.status === 0 &&
      this.#removed.length === 0 &&
      this.added.length === 0 &&
      this.removedNames.length === 0 &&
      this.target === undefined &&
      this.authority === undefined
    );
  }

  removeId(id: number): void {
    if (this.removedIds[id] === 1) return;
    this.removedIds[id] = 1;
    this.#removed.push(id);
  }

  /** Leaves out every field of this name (any case). */
  remove(name: string): void {
    const lower = name.toLowerCase();
    const id = fieldNumber(lower);
    if (id > 0) this.removeId(id);
    else this.removedNames.push(encoder.encode(lower));
  }

  add(name: string, value: string): void {
    const lower = name.toLowerCase();
    this.added.push({ id: fieldNumber(lower), name: encoder.encode(lower), value: encoder.encode(value) });
  }

  /** Adds a numbered field from bytes: the per-request path. */
  addBytes(field: AddedField): void {
    this.added.push(field);
  }

  set(name: string, value: string): void {
    this.remove(name);
    this.add(name, value);
  }

  /** Appends another's changes, as a route's compiled ones. */
  merge(other: FieldEdits): void {
    for (const id of other.#removed) this.removeId(id);
    for (const name of other.removedNames) this.removedNames.push(name);
    for (const field of other.added) this.added.push(field);
    this.target = other.target ?? this.target;
    this.authority = other.authority ?? this.authority;
    if (other.status !== 0) this.status = other.status;
  }

  clear(): void {
    for (const id of this.#removed) this.removedIds[id] = 0;
    this.#removed.length = 0;
    this.removedNames.length = 0;
    this.added.length = 0;
    this.target = undefined;
    this.authority = undefined;
    this.status = 0;
  }
}

export interface AddedField {
  /** Number of the name (field.ts), 0 when it has none. */
  readonly id: number;
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}
