import type { Hold, HeldObject } from "./held.ts";
import { type KubeObject, objectName } from "./object.ts";

/** What differs from before: what translation reads, or only the rest (status, version, faults). */
export type Change = "resource" | "object";

/** The objects of one kind, as far as one watch sees them. */
export class ObjectStore {
  readonly #hold: Hold;
  readonly #onChange: (name: string, change: Change) => void;
  #objects = new Map<string, HeldObject>();
  /** Of a list that is being read. */
  #listed = new Map<string, HeldObject>();

  constructor(hold: Hold, onChange: (name: string, change: Change) => void) {
    this.#hold = hold;
    this.#onChange = onChange;
  }

  get objects(): ReadonlyMap<string, HeldObject> {
    return this.#objects;
  }

  set(object: KubeObject): void {
    const name = nameOf(object);
    const previous = this.#objects.get(name);
    const held = this.#hold(object, previous);
    this.#objects.set(name, held);
    this.#tell(name, previous, held);
  }

  remove(object: KubeObject): void {
    const name = nameOf(object);
    const previous = this.#objects.get(name);
    if (this.#objects.delete(name)) this.#tell(name, previous, undefined);
  }

  /** Begins a full list; what was read of one before is forgotten. */
  beginList(): void {
    this.#listed = new Map();
  }

  /** Objects that are held already in that version are taken over. */
  addListed(objects: readonly KubeObject[]): void {
    for (const object of objects) {
      const name = nameOf(object);
      const held = this.#objects.get(name);
      const { uid, resourceVersion } = object.metadata;
      const isHeld = held !== undefined && held.uid === uid && held.resourceVersion === resourceVersion;
      this.#listed.set(name, isHeld ? held : this.#hold(object, held));
    }
  }

  /** The list is whole: what is not in it is gone. */
  finishList(): void {
    const before = this.#objects;
    this.#objects = this.#listed;
    this.#listed = new Map();
    for (const [name, held] of this.#objects) this.#tell(name, before.get(name), held);
    for (const [name, held] of before) if (!this.#objects.has(name)) this.#tell(name, held, undefined);
  }

  #tell(name: string, before: HeldObject | undefined, after: HeldObject | undefined): void {
    if (before === after) return;
    this.#onChange(name, before?.resource === after?.resource ? "object" : "resource");
  }
}

function nameOf({ kind, metadata: { name, namespace = "" } }: KubeObject): string {
  return objectName(kind, { namespace, name });
}
