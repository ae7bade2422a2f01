/** The pods of dedicated data planes, as the chart has rendered them: `balancer.yaml` and `edge.yaml` of a folder. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "#src/config/model.ts";
import { isRecord } from "#src/kube/object.ts";
import { StartFault } from "#src/process/fault.ts";
import { parseYaml } from "#src/resource/yaml.ts";
import type { PodTemplate } from "#src/translate/workload.ts";

export function readTemplates(folder: string): Readonly<Record<Engine, PodTemplate>> {
  return { balancer: readTemplate(folder, "balancer"), edge: readTemplate(folder, "edge") };
}

function readTemplate(folder: string, engine: Engine): PodTemplate {
  const file = join(folder, `${engine}.yaml`);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new StartFault(
      `Cannot read the pod template ${file}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const { value, faults } = parseYaml(text);
  const reason = faults[0]?.reason ?? (isPodTemplate(value) ? undefined : "it is no PodTemplateSpec");
  if (reason !== undefined || !isPodTemplate(value))
    throw new StartFault(`Cannot use the pod template ${file}: ${reason}`);
  return value;
}

function isPodTemplate(value: unknown): value is PodTemplate {
  if (!isRecord(value) || !isRecord(value["spec"])) return false;
  const { containers } = value["spec"];
  return Array.isArray(containers) && containers.every((one) => isRecord(one) && typeof one["name"] === "string");
}
