/** The root file system below the programs: Node, the shared libraries it needs, certificate authorities, a user without rights. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { rootCertificates } from "node:tls";

/** Of the user `fairway`, by which the image runs: the number that images without a distribution have agreed on. */
export const IMAGE_UID = 65_532;

/** Everything that Node opens when it looks up a name or a user. */
const FILES: Readonly<Record<string, string>> = {
  "etc/passwd": `root:x:0:0:root:/:/sbin/nologin\nfairway:x:${IMAGE_UID}:${IMAGE_UID}:fairway:/tmp:/sbin/nologin\n`,
  "etc/group": `root:x:0:\nfairway:x:${IMAGE_UID}:\n`,
  "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
  "etc/ssl/certs/ca-certificates.crt": `${rootCertificates.join("\n")}\n`,
};

/** Fills `rootfs`, which is empty. `node` is the binary of this machine's architecture; its libraries are this machine's. */
export function writeBase(rootfs: string, node: string): void {
  const place = (path: string): string => {
    const to = join(rootfs, path);
    mkdirSync(dirname(to), { recursive: true });
    return to;
  };
  copyFileSync(node, place("usr/bin/node"));
  chmodSync(join(rootfs, "usr/bin/node"), 0o755);
  for (const library of librariesOf(node)) {
    const to = place(library);
    copyFileSync(library, to);
    chmodSync(to, 0o755);
  }
  for (const [path, text] of Object.entries(FILES)) writeFileSync(place(path), text, { mode: 0o644 });
  // Where runtimes mount theirs.
  for (const folder of ["dev", "proc", "sys", "tmp"]) mkdirSync(join(rootfs, folder));
  chmodSync(join(rootfs, "tmp"), 0o1777);
  copyFileSync(join(dirname(node), "../LICENSE"), place("usr/share/doc/node/LICENSE"));
}

/** Absolute paths as the loader finds them, the loader's own among them. */
function librariesOf(binary: string): string[] {
  const printed = execFileSync("ldd", [binary], { encoding: "utf8" });
  const missing = /^\s*(\S+) => not found/m.exec(printed);
  if (missing !== null)
    throw new Error(`Cannot make the image: ${basename(binary)} needs ${missing[1]}, which is not here`);
  return [...printed.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path]) => path!);
}
