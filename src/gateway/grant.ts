import type { ObjectIndex } from "./object-index.ts";

interface Referrer {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

interface Target extends Referrer {
  readonly name: string;
}

/** Whether an object may refer to another: within its namespace always, beyond it by a ReferenceGrant of the target's. */
export function isGranted(objects: ObjectIndex, from: Referrer, to: Target): boolean {
  if (from.namespace === to.namespace) return true;
  return (objects.grants.get(to.namespace) ?? []).some(
    ({ spec }) =>
      spec.from.some(
        ({ group, kind, namespace }) => group === from.group && kind === from.kind && namespace === from.namespace,
      ) &&
      spec.to.some(
        ({ group, kind, name }) =>
          group === to.group && kind === to.kind && (name === undefined || name === "" || name === to.name),
      ),
  );
}
