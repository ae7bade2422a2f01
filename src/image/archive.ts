/** An image as a docker archive: what `docker load`, `podman load`, `ctr images import` and kind read. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { formatTar, type TarEntry } from "./tar.ts";

export interface ImageOptions {
  /** With a tag: `fairway:0.1.0`. */
  readonly name: string;
  /** As Go names it: amd64, arm64. */
  readonly architecture: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly uid: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970 of every file and of the image. */
  readonly createdSeconds: number;
}

/** `layers`: the lowest first. */
export function formatImage(layers: readonly (readonly TarEntry[])[], options: ImageOptions): Buffer {
  const { name, createdSeconds } = options;
  const archives = layers.map((entries) => {
    const tar = formatTar(entries, createdSeconds);
    return { digest: sha256(tar), bytes: gzipSync(tar, { level: 9 }) };
  });
  const config = Buffer.from(
    JSON.stringify(
      formatConfig(
        archives.map(({ digest }) => digest),
        options,
      ),
    ),
  );
  const files = archives.map(({ digest, bytes }) => ({ path: `${digest}.tar.gz`, bytes }));
  const configFile = { path: `${sha256(config)}.json`, bytes: config };
  const manifest = [{ Config: configFile.path, RepoTags: [name], Layers: files.map(({ path }) => path) }];
  const manifestFile = { path: "manifest.json", bytes: Buffer.from(JSON.stringify(manifest)) };
  return formatTar(
    [...files, configFile, manifestFile].map(({ path, bytes }) => ({
      path,
      mode: 0o644,
      content: { kind: "file", bytes },
    })),
    createdSeconds,
  );
}

/** OCI image configuration, which docker's is too. */
function formatConfig(digests: readonly string[], options: ImageOptions): unknown {
  const { architecture, environment, entrypoint, uid, labels, createdSeconds } = options;
  const created = new Date(createdSeconds * 1000).toISOString();
  return {
    architecture,
    os: "linux",
    created,
    config: {
      User: `${uid}:${uid}`,
      Env: Object.entries(environment).map(([key, value]) => `${key}=${value}`),
      Entrypoint: entrypoint,
      WorkingDir: "/",
      Labels: labels,
      StopSignal: "SIGTERM",
    },
    rootfs: { type: "layers", diff_ids: digests.map((digest) => `sha256:${digest}`) },
    history: digests.map(() => ({ created, created_by: "npm run image" })),
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
