/**
 * Writes what follows from the chart: `node charts/generate.ts` after a change of the chart or of a kind's CRD. The CRDs
 * in the chart are those of `manifests/crds`; `manifests/install.yaml` is the chart without Helm; `charts/testdata` has
 * what it renders to for the value sets that matter. Needs helm.
 */
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { NAMESPACE, renderChart } from "./render.ts";

const ROOT = join(import.meta.dirname, "..");
const VALUES = ".values.yaml";

const INSTALL_HEAD = `# The chart without Helm, with its default values. Apply manifests/crds and the CRDs of Gateway API before it (docs/install.md).
apiVersion: v1
kind: Namespace
metadata:
  name: ${NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
`;

/** Copies of the CRDs in the chart, by path from the repository's root: no helm needed. */
export function chartCrds(): Map<string, string> {
  const files = globSync("manifests/crds/*.yaml", { cwd: ROOT });
  return new Map(
    files.map((file) => [join("charts/fairway/crds", basename(file)), readFileSync(join(ROOT, file), "utf8")]),
  );
}

/** What helm renders, by path from the repository's root. */
export function renderedFiles(): Map<string, string> {
  const files = new Map<string, string>();
  const plain = renderChart(undefined, "--skip-tests", "--skip-crds");
  files.set("manifests/install.yaml", INSTALL_HEAD + plain.replaceAll("managed-by: Helm", "managed-by: kubectl"));
  for (const values of globSync(`charts/testdata/*${VALUES}`, { cwd: ROOT }).toSorted()) {
    files.set(values.replace(VALUES, ".yaml"), renderChart(values, "--skip-crds"));
  }
  return files;
}

if (import.meta.main) {
  for (const [path, text] of [...chartCrds(), ...renderedFiles()]) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), text);
  }
}
