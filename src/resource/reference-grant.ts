import type { Kind, ObjectOf } from "./kind.ts";
import { vendoredSchema } from "./vendored.ts";

/** https://gateway-api.sigs.k8s.io/reference/spec/#referencegrantspec */
interface ReferenceGrantSpec {
  readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
  /** Without a name: all objects of the kind. */
  readonly to: readonly { readonly group: string; readonly kind: string; readonly name?: string }[];
}

export type ReferenceGrant = ObjectOf<"ReferenceGrant", ReferenceGrantSpec>;

export const referenceGrant: Kind = {
  group: "gateway.networking.k8s.io",
  versions: ["v1", "v1beta1"],
  kind: "ReferenceGrant",
  plural: "referencegrants",
  scope: "Namespaced",
  schema: () => vendoredSchema("referencegrants"),
};
