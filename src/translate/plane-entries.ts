/**
 * Which entries each data plane is given: those that its ports lead to (ports -> certificates, routes -> backends) and its
 * own options, so that a pod never sees a Secret that it does not serve. Zones are for the plane `dns`.
 */
import type { Entry } from "#src/config/model.ts";

/** Planes by entry. What it says of an entry is for good: one that other planes are given too is another object. */
export interface Membership {
  /** The entries, each the same object as long as its value and its planes are. */
  readonly assign: (entries: readonly Entry[]) => Entry[];
  /** Of an entry that `assign` has returned once. */
  readonly planesOf: (entry: Entry) => ReadonlySet<string>;
}

export function makeMembership(): Membership {
  const planes = new WeakMap<Entry, ReadonlySet<string>>();
  return {
    assign: (entries) => {
      const reach = reachOf(entries);
      return entries.map((entry) => {
        const now = reach.of(entry.key);
        const before = planes.get(entry);
        const kept = before === undefined || before === now || isSame(before, now) ? entry : { ...entry };
        planes.set(kept, now);
        return kept;
      });
    },
    planesOf: (entry) => planes.get(entry) ?? NONE,
  };
}

/** `dns`, `balancer`, `balancer/NAMESPACE/NAME`, of the key `port/PLANE/TRANSPORT/NUMBER`. */
export function planeOfPort(key: string): string {
  return key.slice("port/".length).split("/").slice(0, -2).join("/");
}

const NONE: ReadonlySet<string> = new Set();

function reachOf(entries: readonly Entry[]): Reach {
  const reach = new Reach();
  for (const entry of entries) reach.root(entry);
  for (const { key, value } of entries) {
    if (value.kind === "httpRoute") {
      const planes = reach.planesOf(value.attachments.map(({ listener }) => listener));
      reach.mark(key, planes);
      for (const { backends } of value.rules) for (const { backend } of backends) reach.mark(backend, planes);
    } else if (value.kind === "l4Route") {
      const planes = reach.planesOf(value.listeners);
      reach.mark(key, planes);
      for (const { backend } of value.backends) reach.mark(backend, planes);
    }
  }
  return reach;
}

class Reach {
  readonly #byKey = new Map<string, ReadonlySet<string>>();
  readonly #byListener = new Map<string, ReadonlySet<string>>();

  of(key: string): ReadonlySet<string> {
    return this.#byKey.get(key) ?? NONE;
  }

  /** What a plane is given for its own sake. */
  root({ key, value }: Entry): void {
    if (value.kind === "zone") this.mark(key, new Set(["dns"]));
    if (value.kind === "dataPlane") this.mark(key, new Set([key.slice("dataplane/".length)]));
    if (value.kind !== "port") return;
    const plane = new Set([planeOfPort(key)]);
    this.mark(key, plane);
    for (const { id, certificates } of value.listeners) {
      this.#byListener.set(id, union(this.#byListener.get(id) ?? NONE, plane));
      for (const certificate of certificates) this.mark(certificate, plane);
    }
  }

  planesOf(listeners: readonly string[]): ReadonlySet<string> {
    return listeners.reduce<ReadonlySet<string>>((all, id) => union(all, this.#byListener.get(id) ?? NONE), NONE);
  }

  mark(key: string, planes: ReadonlySet<string>): void {
    this.#byKey.set(key, union(this.#byKey.get(key) ?? NONE, planes));
  }
}

/** Most often one has all of the other, and then it is the result. */
function union(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  if (b.isSubsetOf(a)) return a;
  return a.isSubsetOf(b) ? b : a.union(b);
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && a.isSubsetOf(b);
}
