/** Ours: the shipped mains with their defaults and one data process, configured by YAML as `fairway up` is. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Entry } from "#src/config/model.ts";
import { formatFault } from "#src/config/source/snapshot.ts";
import { ServiceProcess, type ServiceProcessOptions } from "#src/testing/service-process.ts";
import { readConfiguration } from "../../services/cli/configuration.ts";
import type { TestBed } from "../run/test-bed.ts";
import { launcherOn } from "./peer.ts";

/** On a machine that is busy with other things; alone it takes less than a second. */
const START_MS = 60_000;

export interface FairwayOptions {
  readonly service: "dns" | "resolver" | "edge" | "balancer";
  /** Beside the defaults. */
  readonly args?: readonly string[];
  /** Files by name, as they would lie in the directory of `up -f`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly process?: ServiceProcessOptions;
}

export async function startFairway(bed: TestBed, options: FairwayOptions): Promise<ServiceProcess> {
  const { service, args = [], files = {}, process: own } = options;
  const entries = readFiles(bed, files);
  const launcher = launcherOn(bed.cores.server);
  const common = { launcher, startMs: START_MS, environment: bed.environment };
  const started = bed.use(await ServiceProcess.start(service, args, entries, { ...own, ...common }));
  bed.ours.push(started);
  return started;
}

function readFiles(bed: TestBed, files: Readonly<Record<string, string>>): readonly Entry[] {
  const directory = mkdtempSync(join(bed.folder, "fairway-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const { entries, faults } = readConfiguration([directory]);
  if (faults.length > 0) throw new Error(`Cannot use the bench's configuration: ${faults.map(formatFault).join("; ")}`);
  return entries;
}

/** A Gateway with one port, a route of everything at it, and the backend it leads to. */
export const gatewayFiles = (
  engine: "balancer" | "edge",
  protocol: "HTTP" | "HTTPS" | "TCP" | "UDP",
  port: number,
  origin: number,
  name = "bench",
): Readonly<Record<string, string>> => ({
  [`${name}.yaml`]: `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: ${name} }
spec:
  gatewayClassName: ${engine === "edge" ? "fairway-edge" : "fairway"}
  listeners:
    - name: ${name}
      protocol: ${protocol}
      port: ${port}
${protocol === "HTTPS" ? "      tls: { certificateRefs: [{ name: bench-tls }] }\n" : ""}---
apiVersion: gateway.networking.k8s.io/v1
kind: ${protocol === "HTTPS" ? "HTTP" : protocol}Route
metadata: { name: ${name} }
spec:
  parentRefs: [{ name: ${name} }]
  rules:
    - backendRefs: [{ group: fairway.dev, kind: Backend, name: ${name} }]
---
apiVersion: fairway.dev/v1alpha1
kind: Backend
metadata: { name: ${name} }
spec:
  endpoints: [{ address: 127.0.0.1, port: ${origin} }]
`,
});
