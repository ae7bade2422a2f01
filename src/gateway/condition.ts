import type { ParentRef } from "#src/resource/route.ts";

/** GatewayClass.spec.controllerName of the classes that are ours. */
export const CONTROLLER_NAME = "fairway.dev/gateway";

/** Of a route at one of its parents: whether data planes have it in use. Gateway API has no condition for that. */
export const ROUTE_PROGRAMMED = "fairway.dev/Programmed";

/** metav1.Condition without what only a writer of status knows (observed generation, transition time). */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False";
  /** Gateway API's own word where it has one. */
  readonly reason: string;
  readonly message: string;
}

/** What translation says about one object: its status but for Programmed, which data planes acknowledge. */
export type Verdict =
  | (VerdictOf<"GatewayClass"> & {
      readonly conditions: readonly Condition[];
      /** GatewayClass.status.supportedFeatures, in ascending order. */
      readonly supportedFeatures: readonly string[];
    })
  | (VerdictOf<"Gateway"> & {
      readonly conditions: readonly Condition[];
      readonly listeners: readonly ListenerVerdict[];
    })
  | (VerdictOf<"HTTPRoute" | "TCPRoute" | "UDPRoute"> & { readonly parents: readonly ParentVerdict[] })
  | (VerdictOf<"DataPlane" | "Zone" | "Backend"> & { readonly conditions: readonly Condition[] })
  /** An Ingress's status has no conditions: they are for who checks a directory. */
  | (VerdictOf<"Ingress"> & { readonly conditions: readonly Condition[] });

interface VerdictOf<Kind extends string> {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  /** metadata.generation that the verdict is about; 0 when unknown. */
  readonly generation: number;
}

/** Of Gateway.status.listeners. */
export interface ListenerVerdict {
  readonly name: string;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  readonly attachedRoutes: number;
  readonly conditions: readonly Condition[];
}

/** Of a route's status.parents; the reference is the route's own. */
export interface ParentVerdict {
  readonly parentRef: ParentRef;
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

/** Why something is refused: Gateway API's reason, and a sentence. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** A condition that is false for the first of the refusals, or true for a reason of its own. */
export function condition(type: string, refusals: readonly Refusal[], reason: string = type): Condition {
  const first = refusals[0];
  if (first === undefined) return { type, status: "True", reason, message: "" };
  return { type, status: "False", reason: first.reason, message: refusals.map(({ message }) => message).join("; ") };
}
