/**
 * `npm run image`: the container image, written from nothing but this repository, its packages and the shared libraries
 * of this machine: no container engine, no root, no network.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { defineCommand, parseCommandLine } from "#src/process/command-line.ts";
import { failWith, StartFault } from "#src/process/fault.ts";
import { checkRequirements, VERSION } from "#src/process/requirements.ts";
import { formatImage } from "./archive.ts";
import { IMAGE_UID } from "./base.ts";
import { IMAGE_ENTRYPOINT, IMAGE_ENVIRONMENT } from "./configuration.ts";
import { programsBelow } from "./programs.ts";
import { writeLayers } from "./rootfs.ts";
import { readTree } from "./tree.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** As Go and registries name what Node calls x64. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

const image = defineCommand({
  name: "image",
  help: "Writes the container image as a docker archive, for the architecture of this machine.",
  options: {
    output: { type: "string", short: "o", default: "dist/fairway.tar", help: "The archive." },
    name: { type: "string", default: `fairway:${VERSION}`, help: "Name and tag in the archive." },
    rootfs: {
      type: "string",
      default: "",
      help: "Folder for the image's files instead of an archive, for a Dockerfile to copy; must not exist.",
    },
    created: {
      type: "integer",
      default: 0,
      min: 0,
      unit: "seconds since 1970",
      help: "Time of the image and its files.",
    },
  },
  run: async ({ options: { output, name, rootfs, created } }) => {
    checkRequirements();
    const architecture = ARCHITECTURES[process.arch];
    if (architecture === undefined) throw new StartFault(`Cannot make an image: there is none for ${process.arch}`);
    const work = makeWorkFolder();
    try {
      const layers = await writeLayers(ROOT, work, process.execPath, programsBelow(ROOT));
      if (rootfs !== "") {
        mkdirSync(rootfs, { recursive: false });
        for (const layer of [layers.base, layers.programs]) {
          cpSync(layer, rootfs, { recursive: true, verbatimSymlinks: true });
        }
        return 0;
      }
      const archive = formatImage([readTree(layers.base), readTree(layers.programs)], {
        name,
        architecture,
        environment: IMAGE_ENVIRONMENT,
        entrypoint: IMAGE_ENTRYPOINT,
        uid: IMAGE_UID,
        labels: { "org.opencontainers.image.title": "fairway", "org.opencontainers.image.version": VERSION },
        createdSeconds: created,
      });
      mkdirSync(dirname(output), { recursive: true });
      writeFileSync(output, archive);
      console.log(`${output}: ${name} for ${architecture}, ${(archive.length / 1e6).toFixed(1)} MB`);
      return 0;
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  },
});

/** Always the same one: the compile cache has its files' places in it, and the same sources are to be the same image. */
function makeWorkFolder(): string {
  const work = join(tmpdir(), "fairway-image");
  try {
    mkdirSync(work);
    return work;
  } catch {
    throw new StartFault(
      `Cannot make an image in ${work}: another build is at it, or was cut off; then remove the folder`,
    );
  }
}

async function main(): Promise<number> {
  const program = { name: "image", environmentName: "IMAGE", help: image.help, version: VERSION };
  const parsed = parseCommandLine(program, [image], process.argv.slice(2), process.env);
  if (parsed.outcome === "run") return parsed.command.run(parsed.input);
  if (parsed.outcome === "shown") {
    process.stdout.write(parsed.text);
    return 0;
  }
  throw new StartFault(parsed.sentences.join("\n"), 2);
}

try {
  process.exitCode = await main();
} catch (error) {
  failWith(error);
}
