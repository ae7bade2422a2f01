import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { formatTar, type TarEntry } from "./tar.ts";
import { readTree } from "./tree.ts";

const LONG = `${"d".repeat(90)}/${"f".repeat(90)}`;

const ENTRIES: readonly TarEntry[] = [
  { path: "tmp", mode: 0o1777, content: { kind: "folder" } },
  { path: "bin", mode: 0o755, content: { kind: "folder" } },
  { path: "bin/run", mode: 0o755, content: { kind: "file", bytes: Buffer.alloc(513, "x") } },
  { path: "bin/empty", mode: 0o644, content: { kind: "file", bytes: new Uint8Array() } },
  { path: "bin/link", mode: 0o777, content: { kind: "link", to: "/bin/run" } },
  { path: "d".repeat(90), mode: 0o755, content: { kind: "folder" } },
  { path: LONG, mode: 0o644, content: { kind: "file", bytes: Buffer.from("long") } },
];

const sorted = ENTRIES.toSorted((a, b) => (a.path < b.path ? -1 : 1));

test("the system's tar reads what is written, with modes, links and long names", () => {
  const folder = mkdtempSync(join(tmpdir(), "fairway-tar-"));
  try {
    const archive = formatTar(ENTRIES, 1_000_000_000);
    assert.equal(archive.length % 10_240, 0);
    const listed = execFileSync("tar", ["--utc", "-tvf", "-"], { input: archive, encoding: "utf8" }).trim().split("\n");
    assert.equal(listed.length, ENTRIES.length);
    for (const line of listed) assert.match(line, /^\S+ 0\/0 .* 2001-09-09 01:46 /);
    execFileSync("tar", ["-xpf", "-", "-C", folder], { input: archive });
    assert.equal(readFileSync(join(folder, LONG), "utf8"), "long");
    const found = readTree(folder).toSorted((a, b) => (a.path < b.path ? -1 : 1));
    assert.deepEqual(
      found.map(({ path, mode, content }) => [path, mode, content.kind]),
      sorted.map(({ path, mode, content }) => [path, mode, content.kind]),
    );
    assert.deepEqual(formatTar(found, 1_000_000_000), archive, "the order of entries makes no difference");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a name that ustar cannot hold is refused", () => {
  const path = "f".repeat(101);
  assert.throws(() => formatTar([{ path, mode: 0o755, content: { kind: "folder" } }], 0), /its name is too long/);
});
