/** Values of one compilation after another: what would be made from the same parts again is taken over. */

interface Made<Value> {
  readonly parts: readonly unknown[];
  readonly value: Value;
}

export class Reuse<Value> {
  #last: ReadonlyMap<string, Made<Value>> = new Map();
  #current = new Map<string, Made<Value>>();

  /**
   * The value of a key, made unless it is there already from the same parts (the same objects in the same order).
   * `parts` must name all that `make` reads and that may change.
   */
  get(key: string, parts: readonly unknown[], make: () => Value): Value {
    let made = this.#current.get(key) ?? this.#last.get(key);
    if (made === undefined || !areSame(made.parts, parts)) made = { parts, value: make() };
    this.#current.set(key, made);
    return made.value;
  }

  /** The compilation is complete: what it has not asked for is forgotten. */
  end(): void {
    this.#last = this.#current;
    this.#current = new Map();
  }
}

function areSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
