import { readdirSync, realpathSync, statSync } from "node:fs";
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

  const visitFile = (file: string): void => {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    if (files.length === MAX_FILES) throw new Error(`more than ${MAX_FILES} files`);
    files.push({ file, bytes: Number(size), stamp: `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}` });
    directories.add(dirname(realpathSync(file)));
  };
  const visitDirectory = (directory: string, depth: number): void => {
    const real = realpathSync(directory);
    if (visited.has(real)) return;
    visited.add(real);
    directories.add(directory);
    if (depth > MAX_DEPTH) throw new Error(`nested more than ${MAX_DEPTH} directories deep`);
    for (const name of readdirSync(directory).toSorted())
      if (!name.startsWith(".")) visit(join(directory, name), depth);
  };
  const visit = (path: string, depth: number): void => {
    try {
      const stat = statSync(path);
      if (stat.isDirectory()) visitDirectory(path, depth + 1);
      else if (stat.isFile() && (CONFIGURATION.test(path) || depth === 0)) visitFile(path);
    } catch (error) {
      faults.push({ file: path, reason: `cannot be read: ${error instanceof Error ? error.message : String(error)}` });
    }
  };

  // The root's own parent tells when the root is replaced as a whole.
  directories.add(dirname(root));
  visit(root, 0);
  return { files, directories: [...directories], faults };
}
