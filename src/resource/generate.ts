/**
 * Writes what follows from the declarations of our own kinds: CRDs into `manifests/crds/` and reference pages into
 * `docs/reference/`. Run it after a change of a kind: `node src/resource/generate.ts`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { renderCrd } from "./crd.ts";
import { renderReference } from "./reference.ts";
import { KINDS } from "./resource.ts";

/** Texts of all generated files by their path from the repository's root. */
export function generateFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const kind of Object.values(KINDS)) {
    if (kind.group !== "fairway.dev") continue;
    files.set(`manifests/crds/${kind.group}_${kind.plural}.yaml`, renderCrd(kind));
    files.set(`docs/reference/${kind.kind.toLowerCase()}.md`, renderReference(kind));
  }
  return files;
}

if (import.meta.main) {
  for (const [path, text] of generateFiles()) {
    const file = new URL(`../../${path}`, import.meta.url);
    mkdirSync(dirname(file.pathname), { recursive: true });
    writeFileSync(file, text);
  }
}
