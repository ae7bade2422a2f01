import type { DataPlane } from "#src/resource/data-plane.ts";
import type { ObjectIndex } from "./object-index.ts";

/** The DataPlane that a GatewayClass or a Gateway refers to, undefined for none, or why it is not there. */
export function findParameters(
  objects: ObjectIndex,
  ref:
    | { readonly group: string; readonly kind: string; readonly name: string; readonly namespace?: string }
    | undefined,
): DataPlane | undefined | string {
  if (ref === undefined) return undefined;
  if (ref.group !== "fairway.dev" || ref.kind !== "DataPlane")
    return `parametersRef: ${ref.kind} of group "${ref.group}" is not a DataPlane of fairway.dev`;
  if (ref.namespace === undefined) return "parametersRef: a DataPlane has a namespace";
  return (
    objects.dataPlanes.get(`${ref.namespace}/${ref.name}`) ??
    `parametersRef: there is no DataPlane ${ref.namespace}/${ref.name}`
  );
}
