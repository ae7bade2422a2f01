import { type BigIntStats, readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** The configuration files below a path, and the directories whose events tell of their changes. */
export interface Tree {
  readonly files: readonly TreeFile[];
  readonly directories: readonly string[];
  readonly faults: readonly { readonly file: string; readonly reason: string }[];
}

export interface TreeFile {
  readonly file: string;
  readonly bytes: number;
  /** Changes whenever the file's content may have: identity, size and times. */
  readonly stamp: string;
}

const CONFIGURATION = /\.(ya?ml|json|zone)$/i;
const MAX_FILES = 10_000;
const MAX_DEPTH = 16;

/**
 * Walks a directory (or takes a single file), following symbolic links, each directory once. Names that begin with
 * a dot are left out: they are editors' files, and the `..data` that a mounted ConfigMap's links lead through.
 * What cannot be read is a fault; a root that is not there is one too.
 */
export function walkTree(root: string): Tree {
  const files: TreeFile[] = [];
  const directories = new Set<string>();
  const faults: { file: string; reason: string }[] = [];
  const visited = new Set<string>();

  const visitFile = (file: string, { dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): void => {
    if (files.length === MAX_FILES) throw new Error(`more than ${MAX_FILES} files`);
    files.push({ file, bytes: Number(size), stamp: `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}` });
  };
  const visitDirectory = (directory: string, depth: number): void => {
    const real = realpathSync.native(directory);
    if (visited.has(real)) return;
    visited.add(real);
    directories.add(directory);
    directories.add(real);
    if (depth > MAX_DEPTH) throw new Error(`nested more than ${MAX_DEPTH} directories deep`);
    const entries = readdirSync(directory, { withFileTypes: true }).filter(({ name }) => !name.startsWith("."));
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const isOther = entry.isFile() && !CONFIGURATION.test(entry.name);
      if (!isOther) visit(join(directory, entry.name), depth, !entry.isFile());
    }
  };
  const visit = (path: string, depth: number, mayBeLink: boolean): void => {
    try {
      const stat = statSync(path, { bigint: true });
      if (stat.isDirectory()) visitDirectory(path, depth + 1);
      else if (stat.isFile() && (CONFIGURATION.test(path) || depth === 0)) {
        visitFile(path, stat);
        // The other files lie in the directory itself, which is watched already.
        if (mayBeLink) directories.add(dirname(realpathSync.native(path)));
      }
    } catch (error) {
      faults.push({ file: path, reason: `cannot be read: ${error instanceof Error ? error.message : String(error)}` });
    }
  };

  // The root's own parent tells when the root is replaced as a whole.
  directories.add(dirname(root));
  visit(root, 0, true);
  return { files, directories: [...directories], faults };
}
