import type { Engine } from "#src/config/model.ts";
import type { DataPlane } from "#src/resource/data-plane.ts";
import type { GatewayClass } from "#src/resource/gateway-class.ts";
import { CONTROLLER_NAME, condition, type Refusal, type Verdict } from "./condition.ts";
import type { ObjectIndex } from "./object-index.ts";
import { findParameters } from "./parameters.ts";
import { type Plane, planeOf, type PlaneOptions, type Site } from "./plane.ts";
import { supportedFeatures } from "./supported-features.ts";

/** A GatewayClass of ours. */
export interface JudgedClass {
  readonly name: string;
  /** Whether Gateways of the class are carried. */
  readonly accepted: boolean;
  readonly engine: Engine;
  /** Undefined: it has none of its own. */
  readonly dataPlane: DataPlane | undefined;
  /** Of its Gateways that have no DataPlane of their own. */
  readonly plane: Plane;
  readonly verdict: Verdict;
}

/**
 * Judges the GatewayClasses of our controller, in order of age. The engine is the DataPlane's; a class without
 * parameters is the balancer's, but for the one named `fairway-edge`, and takes the engine's options as they are. A
 * data plane has one set of options: a younger class with others for it is refused.
 */
export function judgeClasses(objects: ObjectIndex, site: Site, options: PlaneOptions): JudgedClass[] {
  return objects.gatewayClasses
    .filter(({ spec }) => spec.controllerName === CONTROLLER_NAME)
    .map((gatewayClass) => judgeClass(objects, site, options, gatewayClass));
}

function judgeClass(
  objects: ObjectIndex,
  site: Site,
  options: PlaneOptions,
  { metadata, spec }: GatewayClass,
): JudgedClass {
  const parameters = findParameters(objects, spec.parametersRef);
  const dataPlane = typeof parameters === "object" ? parameters : undefined;
  const engine = dataPlane?.spec.engine ?? (metadata.name === "fairway-edge" ? "edge" : "balancer");
  const plane = planeOf(site, engine, dataPlane);
  const refusals: Refusal[] = [];
  if (typeof parameters === "string") refusals.push({ reason: "InvalidParameters", message: parameters });
  const others = dataPlane && options.claim(plane, dataPlane, `GatewayClass ${metadata.name}`);
  if (others !== undefined) refusals.push(others);
  const verdict: Verdict = {
    kind: "GatewayClass",
    namespace: "",
    name: metadata.name,
    generation: metadata.generation,
    conditions: [condition("Accepted", refusals)],
    supportedFeatures: supportedFeatures(engine),
  };
  return { name: metadata.name, accepted: refusals.length === 0, engine, dataPlane, plane, verdict };
}
