/** The options of the data plane that a process belongs to: it is given no others. */
import type { DataPlaneConfig, Engine, Entry } from "#src/config/model.ts";

export function ownOptions(engine: Engine, entries: ReadonlyMap<string, Entry>): DataPlaneConfig | undefined {
  // Shared planes are named as their engine; a dedicated plane's entry has the plane's own name.
  const shared = entries.get(`dataplane/${engine}`)?.value;
  if (shared?.kind === "dataPlane") return shared;
  for (const { value } of entries.values()) if (value.kind === "dataPlane" && value.engine === engine) return value;
  return undefined;
}
