import { isDeepStrictEqual } from "node:util";
import type { Engine } from "#src/config/model.ts";
import { type DataPlane, defaultDataPlane } from "#src/resource/data-plane.ts";
import type { Refusal } from "./condition.ts";
import { keyOf } from "./object-index.ts";

/** What serves the same entries: the pods of one workload, or a service on a machine. */
export interface Plane {
  /** The engine, when it is shared; else `ENGINE/NAMESPACE/NAME`, after its DataPlane. */
  readonly id: string;
  readonly engine: Engine;
  readonly isDedicated: boolean;
  /**
   * "own": each Gateway has ports of its own there, which its Service maps its listeners' ports to; "listener": sockets
   * are bound to the listeners' ports, which Gateways share.
   */
  readonly ports: "own" | "listener";
}

/** Where translation is for: a machine (`fairway up`) has one plane an engine. */
export type Site = "machine" | "cluster";

export function planeOf(site: Site, engine: Engine, dataPlane: DataPlane | undefined): Plane {
  if (site === "machine") return { id: engine, engine, isDedicated: false, ports: "listener" };
  if (dataPlane?.spec.mode !== "dedicated") return { id: engine, engine, isDedicated: false, ports: "own" };
  const ports = dataPlane.spec.workload?.kind === "DaemonSet" ? "listener" : "own";
  return { id: `${engine}/${keyOf(dataPlane.metadata)}`, engine, isDedicated: true, ports };
}

/** Options of planes: each has one set, of the first that asks for some. */
export interface PlaneOptions {
  /** Asks for the options of a DataPlane, or says who has others. */
  claim(plane: Plane, dataPlane: DataPlane, claimant: string): Refusal | undefined;
  /** Says whether a shared plane has other options than a Gateway's own DataPlane: they are not a Gateway's to choose. */
  compare(plane: Plane, dataPlane: DataPlane): Refusal | undefined;
  /** Of a plane, or the engine's defaults. */
  specOf(plane: Plane): DataPlane["spec"];
}

export function makePlaneOptions(): PlaneOptions {
  const claims = new Map<string, { readonly spec: DataPlane["spec"]; readonly claimant: string }>();
  return {
    claim({ id }, { spec }, claimant) {
      const first = claims.get(id);
      if (first === undefined) claims.set(id, { spec, claimant });
      if (first === undefined || isDeepStrictEqual(ofProcesses(first.spec), ofProcesses(spec))) return undefined;
      const message = `the ${spec.engine} has the options of ${first.claimant} already, and those of this one are others`;
      return { reason: "InvalidParameters", message };
    },
    compare(plane, { spec }) {
      const known = claims.get(plane.id)?.spec ?? defaultDataPlane(plane.engine);
      if (isDeepStrictEqual(ofProcesses(known), ofProcesses(spec))) return undefined;
      const message = `the ${spec.engine} that all share has other options; a Gateway's own are for mode dedicated in a cluster`;
      return { reason: "InvalidParameters", message };
    },
    specOf: ({ id, engine }) => claims.get(id)?.spec ?? defaultDataPlane(engine),
  };
}

/** What the processes of a plane have in common; a Service is a Gateway's own. */
function ofProcesses(spec: DataPlane["spec"]): object {
  const {
    mode: _mode,
    workload: _workload,
    service: _service,
    ...options
  } = { ...defaultDataPlane(spec.engine), ...spec };
  return options;
}
