/** A folder on disk as entries of a layer. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { TarEntry } from "./tar.ts";

/** All below `folder`. Modes keep what makes a difference (executable, sticky), not this user's umask. */
export function readTree(folder: string): TarEntry[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => readEntry(folder, path));
}

function readEntry(folder: string, path: string): TarEntry {
  const file = join(folder, path);
  const stat = lstatSync(file);
  if (stat.isSymbolicLink()) return { path, mode: 0o777, content: { kind: "link", to: readlinkSync(file) } };
  if (stat.isDirectory()) {
    return { path, mode: (stat.mode & 0o1000) === 0 ? 0o755 : 0o1777, content: { kind: "folder" } };
  }
  if (!stat.isFile()) throw new Error(`Cannot archive ${file}: it is neither file, folder nor link`);
  return {
    path,
    mode: (stat.mode & 0o100) === 0 ? 0o644 : 0o755,
    content: { kind: "file", bytes: readFileSync(file) },
  };
}
