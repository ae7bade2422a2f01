/** Files as a tar archive (POSIX.1-1988 ustar), the same bytes for the same files: sorted, of one time, root's. */

export interface TarEntry {
  /** Relative, without a slash at its end. */
  readonly path: string;
  readonly mode: number;
  readonly content: { readonly kind: "folder" } | { readonly kind: "link"; readonly to: string } | TarFile;
}

interface TarFile {
  readonly kind: "file";
  readonly bytes: Uint8Array;
}

const BLOCK = 512;
/** Most tools pad archives to this. */
const RECORD = 20 * BLOCK;

/** Throws for a path that ustar has no room for. */
export function formatTar(entries: readonly TarEntry[], modifiedSeconds: number): Buffer {
  const parts: Uint8Array[] = [];
  let length = 0;
  const push = (part: Uint8Array): void => {
    parts.push(part);
    length += part.length;
  };
  for (const entry of entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    push(header(entry, modifiedSeconds));
    if (entry.content.kind !== "file") continue;
    const { bytes } = entry.content;
    push(bytes);
    push(Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK));
  }
  // Two blocks of zeros end the archive.
  push(Buffer.alloc(2 * BLOCK + ((RECORD - ((length + 2 * BLOCK) % RECORD)) % RECORD)));
  return Buffer.concat(parts, length);
}

const TYPES = { file: "0", link: "2", folder: "5" } as const;

function header({ path, mode, content }: TarEntry, modifiedSeconds: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const { name, prefix } = splitPath(content.kind === "folder" ? `${path}/` : path);
  const octal = (value: number, offset: number, width: number): void => {
    block.write(`${value.toString(8).padStart(width - 1, "0")}\0`, offset, "latin1");
  };
  block.write(name, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.kind === "file" ? content.bytes.length : 0, 124, 12);
  octal(modifiedSeconds, 136, 12);
  block.write("        ", 148);
  block.write(TYPES[content.kind], 156);
  if (content.kind === "link") block.write(content.to, 157);
  block.write("ustar\x0000", 257, "latin1");
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** The name has 100 bytes, what goes before its slash 155. */
function splitPath(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: "" };
  for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (name !== "" && Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return { name, prefix };
  }
  throw new Error(`Cannot archive ${path}: its name is too long`);
}
