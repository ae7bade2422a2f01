/**
 * Statuses that the leader wishes for. An object is looked at again when it has changed, all of them when what is said
 * about them may have: the translation, what pods have acknowledged, or the time that pods are given to do so.
 */
import type { Entry } from "#src/config/model.ts";
import type { PodObservation } from "#src/gateway/observed.ts";
import { type CurrentObject, status } from "#src/gateway/status.ts";
import { isRecord, objectName } from "#src/kube/object.ts";
import type { HeldObject } from "#src/kube/held.ts";
import type { KubeSource } from "#src/kube/source.ts";
import { apiVersionOf } from "#src/resource/kind.ts";
import { KINDS } from "#src/resource/resource.ts";
import { addressesOfFronts, carriedOf } from "#src/translate/status-facts.ts";
import type { Translation } from "#src/translate/translate.ts";
import { WITH_STATUS } from "./kinds.ts";
import type { ObservedPods } from "./observed-pods.ts";
import type { Wish } from "./write-queue.ts";

type StatusKind = (typeof WITH_STATUS)[number];

export interface StatusWish {
  readonly wishes: Iterable<Wish>;
  /** When pods have had their time to acknowledge, in milliseconds since 1970. */
  readonly wakeAt: number | undefined;
}

export class StatusWishes {
  readonly #publishedAt: (entry: Entry) => number;
  /** By the object's name. */
  readonly #wishes = new Map<string, Wish>();
  /** Names of objects that have changed since the last look. */
  readonly #changed = new Set<string>();
  #translation: Translation | undefined;
  #carried: ReturnType<typeof carriedOf> = new Map();
  #signature = "";
  #wakeAt: number | undefined;

  constructor(publishedAt: (entry: Entry) => number) {
    this.#publishedAt = publishedAt;
  }

  /** Who does not lead looks at nothing; who leads anew looks at everything. */
  forget(): void {
    this.#translation = undefined;
    this.#changed.clear();
    this.#wishes.clear();
  }

  /** These have changed. */
  note(names: Iterable<string>): void {
    if (this.#translation === undefined) return;
    for (const name of names) if (isOfStatus(kindOf(name))) this.#changed.add(name);
  }

  /** What is to be written now. */
  update(source: KubeSource, translation: Translation, observed: ObservedPods, now: number): StatusWish {
    const { pods, signature } = observed;
    const isNews = translation !== this.#translation || signature !== this.#signature;
    if (isNews || now >= (this.#wakeAt ?? Infinity)) {
      if (translation !== this.#translation) this.#carried = carriedOf(translation);
      this.#translation = translation;
      this.#signature = signature;
      this.#wakeAt = undefined;
      this.#wishes.clear();
      this.#look(allObjects(source), translation, pods, now);
    } else if (this.#changed.size > 0) {
      for (const name of this.#changed) this.#wishes.delete(name);
      this.#look(objectsNamed(source, this.#changed), translation, pods, now);
    }
    this.#changed.clear();
    return { wishes: this.#wishes.values(), wakeAt: this.#wakeAt };
  }

  #look(
    held: Iterable<readonly [StatusKind, HeldObject]>,
    translation: Translation,
    pods: readonly PodObservation[],
    now: number,
  ): void {
    const facts = {
      pods,
      carried: this.#carried,
      addresses: addressesOfFronts(translation.fronts, pods),
      publishedAt: this.#publishedAt,
    };
    const current = new Map(Array.from(held, ([kind, object]) => [object.name, toCurrent(kind, object)]));
    const { patches, wakeAt } = status(translation.verdicts, facts, [...current.values()], now);
    for (const { status: next, kind, namespace, name, resourceVersion } of patches) {
      const own = objectName(kind, { namespace, name });
      const uid = current.get(own)?.uid ?? "";
      const target = { namespace, name, resourceVersion, uid };
      if (isOfStatus(kind)) this.#wishes.set(own, { act: "status", kind: KINDS[kind], target, status: next });
    }
    this.#wakeAt = this.#wakeAt === undefined ? wakeAt : Math.min(this.#wakeAt, wakeAt ?? Infinity);
  }
}

const kindOf = (name: string): string => name.slice(0, name.indexOf(" "));

function isOfStatus(kind: string): kind is StatusKind {
  return WITH_STATUS.some((one) => one === kind);
}

function* allObjects(source: KubeSource): Iterable<readonly [StatusKind, HeldObject]> {
  for (const kind of WITH_STATUS) for (const object of source.objects(kind)) yield [kind, object];
}

function* objectsNamed(source: KubeSource, names: Iterable<string>): Iterable<readonly [StatusKind, HeldObject]> {
  for (const name of names) {
    const kind = kindOf(name);
    const object = source.get(name);
    if (object !== undefined && isOfStatus(kind)) yield [kind, object];
  }
}

function toCurrent(kind: StatusKind, held: HeldObject): CurrentObject & { readonly uid: string } {
  const { name, uid, resourceVersion, status: written } = held;
  const [namespace = "", own] = name.includes("/") ? name.slice(kind.length + 1).split("/") : ["", undefined];
  return {
    apiVersion: apiVersionOf(KINDS[kind]),
    kind,
    namespace,
    name: own ?? name.slice(kind.length + 1),
    uid,
    resourceVersion,
    // The API server has checked it against the kind's schema.
    status: isRecord(written) ? written : undefined,
  };
}
