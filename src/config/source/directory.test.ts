import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { resourceName } from "#src/resource/resource.ts";
import { DirectorySource, readDirectory } from "./directory.ts";
import { formatFault, type Snapshot } from "./snapshot.ts";

const backend = (name: string, port = 80): string =>
  `apiVersion: fairway.dev/v1alpha1\nkind: Backend\nmetadata: {name: ${name}}\nspec:\n  endpoints:\n  - {address: 192.0.2.1, port: ${port}}\n`;

const broken =
  "apiVersion: fairway.dev/v1alpha1\nkind: Backend\nmetadata: {name: a}\nspec:\n  endpoints:\n  - {address: nowhere, port: 0, foo: 1}\n";

function makeFolder(): Disposable & { path: string; write(file: string, text: string): void } {
  const path = mkdtempSync(join(tmpdir(), "fairway-source-"));
  return {
    path,
    write: (file, text) => writeFileSync(join(path, file), text),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

const names = ({ objects }: Snapshot): string[] => objects.map(({ resource }) => resourceName(resource));

const faults = (folder: string, snapshot: Snapshot): string[] =>
  snapshot.faults.map((fault) => formatFault(fault).replaceAll(`${folder}/`, ""));

/** A source with what a test waits for: the next snapshot that satisfies it. */
function watchFolder(
  path: string,
): Disposable & { source: DirectorySource; until(holds: (snapshot: Snapshot) => boolean): Promise<number> } {
  let wake: (() => void) | undefined;
  const source = new DirectorySource(path, { onChange: () => wake?.() });
  return {
    source,
    async until(holds) {
      const begin = performance.now();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      wake = () => holds(source.snapshot) && resolve();
      const timer = setTimeout(() => reject(new Error(`never came; now ${names(source.snapshot).join(", ")}`)), 3000);
      wake();
      await promise.finally(() => clearTimeout(timer));
      return performance.now() - begin;
    },
    [Symbol.dispose]: () => source[Symbol.dispose](),
  };
}

test("all faults come at once, each with file, line and path", () => {
  using folder = makeFolder();
  folder.write("a.yaml", `${backend("a")}---\n${broken}---\nkind: Deployment\napiVersion: apps/v1\n---\na: [\n`);
  folder.write("b.yml", `# comment\n---\n${backend("a")}`);
  folder.write("c.json", JSON.stringify({ apiVersion: "v1", kind: "Servce" }));
  folder.write("ignored.txt", "not ours");
  const snapshot = readDirectory(folder.path);
  assert.deepEqual(names(snapshot), ["Backend default/a"]);
  assert.deepEqual(faults(folder.path, snapshot), [
    "a.yaml:13: spec.endpoints[0].foo: unknown field",
    "a.yaml:13: spec.endpoints[0].port: must be >= 1",
    "a.yaml:15: kind: Fairway does not read Deployment of apps/v1",
    "a.yaml:19: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
    "b.yml:3: metadata.name: Backend default/a is defined already, in a.yaml:1",
    "c.json:1: kind: Fairway does not read Servce of v1",
  ]);
});

test("zone files are Zones named by their domain, checked by the given reader", () => {
  using folder = makeFolder();
  folder.write("example.com.zone", "@ IN SOA ns hostmaster 1 1 1 1 1\n@ IN NS ns\nbad line\n");
  const good = readDirectory(folder.path);
  assert.deepEqual(names(good), ["Zone default/example.com"]);
  const bad = readDirectory(folder.path, {
    checkZone: ({ origin, text }) => [
      { line: text.split("\n").indexOf("bad line") + 1, reason: `no record in ${origin}` },
    ],
  });
  assert.deepEqual(names(bad), []);
  assert.deepEqual(faults(folder.path, bad), ["example.com.zone:3: no record in example.com."]);
});

test("a List's items are objects", () => {
  using folder = makeFolder();
  folder.write(
    "list.yaml",
    `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: one}\n- apiVersion: v1\n  kind: Namespace\n  metadata: {nme: two}\n`,
  );
  const snapshot = readDirectory(folder.path);
  assert.deepEqual(names(snapshot), ["Namespace one"]);
  assert.deepEqual(faults(folder.path, snapshot), [
    "list.yaml:9: items[1].metadata.name: required",
    "list.yaml:9: items[1].metadata.nme: unknown field",
  ]);
});

test("an invalid document keeps its previous version, a deleted one goes", async () => {
  using folder = makeFolder();
  folder.write("a.yaml", `${backend("a", 81)}---\n${backend("b")}`);
  using watched = watchFolder(folder.path);
  const first = watched.source.snapshot.objects[0]!.resource;

  folder.write("a.yaml", `${broken}---\n${backend("b")}`);
  await watched.until((snapshot) => snapshot.faults.length > 0);
  assert.equal(watched.source.snapshot.objects.find(({ resource }) => resource.metadata.name === "a")?.resource, first);

  // Not even its name can be read: whatever the file held stays.
  folder.write("a.yaml", `a: [\n---\n${backend("b")}`);
  await watched.until((snapshot) => snapshot.faults[0]?.reason.startsWith("not valid YAML") ?? false);
  assert.deepEqual(names(watched.source.snapshot).toSorted(), ["Backend default/a", "Backend default/b"]);

  folder.write("a.yaml", backend("b"));
  await watched.until((snapshot) => snapshot.objects.length === 1);
  assert.deepEqual(names(watched.source.snapshot), ["Backend default/b"]);
  assert.deepEqual(watched.source.snapshot.faults, []);
});

test("a change is seen within 100 ms: new file, rename over, sub-directory, deletion", async () => {
  using folder = makeFolder();
  using watched = watchFolder(folder.path);
  folder.write("a.yaml", backend("a"));
  const taken = [await watched.until((snapshot) => snapshot.objects.length === 1)];
  folder.write(".a.yaml.swp", backend("a", 90));
  renameSync(join(folder.path, ".a.yaml.swp"), join(folder.path, "a.yaml"));
  taken.push(await watched.until(({ objects }) => JSON.stringify(objects[0]?.resource).includes("90")));
  mkdirSync(join(folder.path, "more/deep"), { recursive: true });
  writeFileSync(join(folder.path, "more/deep/b.yaml"), backend("b"));
  taken.push(await watched.until((snapshot) => snapshot.objects.length === 2));
  writeFileSync(join(folder.path, "more/deep/b.yaml"), backend("c"));
  taken.push(await watched.until((snapshot) => names(snapshot).includes("Backend default/c")));
  rmSync(join(folder.path, "more"), { recursive: true });
  taken.push(await watched.until((snapshot) => snapshot.objects.length === 1));
  assert.ok(taken.toSorted((a, b) => a - b)[2]! < 100, `took ${taken.map(Math.round).join(", ")} ms`);
});

test("the symbolic links of a mounted ConfigMap are followed when they are swapped", async () => {
  using folder = makeFolder();
  for (const [version, name] of [
    ["..1", "old"],
    ["..2", "new"],
  ] as const) {
    mkdirSync(join(folder.path, version));
    folder.write(`${version}/a.yaml`, backend(name));
  }
  symlinkSync("..1", join(folder.path, "..data"));
  symlinkSync("..data/a.yaml", join(folder.path, "a.yaml"));
  using watched = watchFolder(folder.path);
  assert.deepEqual(names(watched.source.snapshot), ["Backend default/old"]);
  symlinkSync("..2", join(folder.path, "..tmp"));
  renameSync(join(folder.path, "..tmp"), join(folder.path, "..data"));
  rmSync(join(folder.path, "..1"), { recursive: true });
  await watched.until((snapshot) => names(snapshot)[0] === "Backend default/new");
  assert.deepEqual(names(watched.source.snapshot), ["Backend default/new"]);
});

test("a file that is emptied and written again never loses its objects; one that stays empty does", async () => {
  using folder = makeFolder();
  folder.write("a.yaml", backend("a"));
  using watched = watchFolder(folder.path);
  const seen: number[] = [];
  truncateSync(join(folder.path, "a.yaml"));
  const writing = setTimeout(() => folder.write("a.yaml", backend("a", 99)), 20);
  await watched.until((snapshot) => {
    seen.push(snapshot.objects.length);
    return JSON.stringify(snapshot.objects).includes("99");
  });
  clearTimeout(writing);
  assert.ok(!seen.includes(0), "it was gone for a while");
  truncateSync(join(folder.path, "a.yaml"));
  await watched.until((snapshot) => snapshot.objects.length === 0);
});

test("a directory that vanishes keeps its objects until it is back", async () => {
  using folder = makeFolder();
  const path = join(folder.path, "config");
  mkdirSync(path);
  writeFileSync(join(path, "a.yaml"), backend("a"));
  using watched = watchFolder(path);
  renameSync(path, join(folder.path, "away"));
  await watched.until((snapshot) => snapshot.faults.length > 0);
  assert.deepEqual(names(watched.source.snapshot), ["Backend default/a"]);
  mkdirSync(path);
  writeFileSync(join(path, "a.yaml"), backend("b"));
  await watched.until((snapshot) => names(snapshot)[0] === "Backend default/b");
  assert.deepEqual(watched.source.snapshot.faults, []);
});

test("what is not text, or not there, is a fault", () => {
  using folder = makeFolder();
  writeFileSync(join(folder.path, "a.yaml"), Buffer.from([0x61, 0x3a, 0xff, 0xfe]));
  assert.deepEqual(faults(folder.path, readDirectory(folder.path)), ["a.yaml: not valid UTF-8"]);
  assert.match(readDirectory(join(folder.path, "none")).faults[0]?.reason ?? "", /^cannot be read: ENOENT/);
});
