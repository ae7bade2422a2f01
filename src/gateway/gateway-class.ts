import type { Engine } from "#src/config/model.ts";
import type { DataPlane } from "#src/resource/data-plane.ts";
import type { GatewayClass } from "#src/resource/gateway-class.ts";
import { CONTROLLER_NAME, condition, type Refusal, type Verdict } from "./condition.ts";
import type { ObjectIndex } from "./object-index.ts";
import { SUPPORTED_FEATURES } from "./supported-features.ts";

/** A GatewayClass of ours. */
export interface JudgedClass {
  readonly name: string;
  /** Whether Gateways of the class are carried. */
  readonly accepted: boolean;
  readonly engine: Engine;
  /** Undefined: it has none of its own. */
  readonly dataPlane: DataPlane | undefined;
  readonly verdict: Verdict;
}

/**
 * Judges the GatewayClasses of our controller, in order of age. The engine is the DataPlane's; a class without
 * parameters is the balancer's, but for the one named `fairway-edge`, and takes the engine's options as they are. An
 * engine has one set of options: a younger class with another DataPlane for it is refused.
 */
export function judgeClasses(objects: ObjectIndex): JudgedClass[] {
  const configured = new Map<Engine, JudgedClass>();
  return objects.gatewayClasses
    .filter(({ spec }) => spec.controllerName === CONTROLLER_NAME)
    .map((gatewayClass) => {
      const judged = judgeClass(objects, gatewayClass, configured);
      if (judged.accepted && judged.dataPlane !== undefined) configured.set(judged.engine, judged);
      return judged;
    });
}

function judgeClass(
  objects: ObjectIndex,
  { metadata, spec }: GatewayClass,
  configured: ReadonlyMap<Engine, JudgedClass>,
): JudgedClass {
  const parameters = findParameters(objects, spec);
  const dataPlane = typeof parameters === "object" ? parameters : undefined;
  const engine = dataPlane?.spec.engine ?? (metadata.name === "fairway-edge" ? "edge" : "balancer");
  const refusals: Refusal[] = [];
  if (typeof parameters === "string") refusals.push({ reason: "InvalidParameters", message: parameters });
  const first = configured.get(engine);
  if (first !== undefined && dataPlane !== undefined && first.dataPlane !== dataPlane) {
    const message = `the ${engine} has the options of GatewayClass ${first.name} already, and those of this one are others`;
    refusals.push({ reason: "InvalidParameters", message });
  }
  const verdict: Verdict = {
    kind: "GatewayClass",
    namespace: "",
    name: metadata.name,
    generation: metadata.generation,
    conditions: [condition("Accepted", refusals)],
    supportedFeatures: SUPPORTED_FEATURES,
  };
  return { name: metadata.name, accepted: refusals.length === 0, engine, dataPlane, verdict };
}

/** The DataPlane that the class refers to, undefined for none, or why it is not there. */
function findParameters(
  objects: ObjectIndex,
  { parametersRef: ref }: GatewayClass["spec"],
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
