/** One file from a program's sources and the packages it uses: read once at the start, types stripped at the build. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { build } from "esbuild";

/** Packages of the CommonJS kind ask for Node's own modules by `require`. */
const BANNER = `#!/usr/bin/node --no-warnings
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);`;

/** Writes `to`, an executable module. `root` is the repository, `entry` a path in it. Throws what esbuild found wrong. */
export async function bundle(root: string, entry: string, to: string): Promise<void> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "esnext",
    // Not the file that happens to lie there, nor the lack of one.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    banner: { js: BANNER },
    legalComments: "eof",
    logLevel: "silent",
  });
  mkdirSync(dirname(to), { recursive: true });
  for (const { contents } of outputFiles) writeFileSync(to, contents, { mode: 0o755 });
}
