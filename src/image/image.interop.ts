/** The image, built twice, and its programs started as a restricted pod starts them: read-only root, no capability, no rights. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "#src/testing/service-process.ts";
import { IMAGE_UID } from "./base.ts";

const MAX_BYTES = 110_000_000;
const READY_MS = 2_000;

const folder = mkdtempSync(join(tmpdir(), "fairway-image-test-"));
const archive = join(folder, "image.tar");
const rootfs = join(folder, "rootfs");
let environment: Readonly<Record<string, string>> = {};

interface Manifest {
  readonly Config: string;
  readonly Layers: readonly string[];
}

const json = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), "utf8"));

function build(output: string): void {
  execFileSync(process.execPath, ["--no-warnings", "src/image/main.ts", "--output", output]);
}

before(() => {
  build(archive);
  execFileSync("tar", ["-xf", archive, "-C", folder]);
  const [manifest] = json("manifest.json") as [Manifest];
  mkdirSync(rootfs);
  for (const layer of manifest.Layers) execFileSync("tar", ["-xpzf", join(folder, layer), "-C", rootfs]);
  const { config } = json(manifest.Config) as { config: { Env: readonly string[] } };
  environment = Object.fromEntries(config.Env.map((one) => one.split("=", 2)));
});

after(() => rmSync(folder, { recursive: true }));

/** As the image's user, who has no capability, in a mount namespace of its own, whose end takes the mounts away. */
function start(...command: string[]): ChildProcess {
  const enter = `set -e
    mount --bind ${rootfs} ${rootfs}
    for own in dev proc; do mount --rbind /$own ${rootfs}/$own; done
    mount -o remount,bind,ro ${rootfs}
    exec chroot --userspec=${IMAGE_UID}:${IMAGE_UID} --groups= ${rootfs} "$@"`;
  return spawn("unshare", ["--mount", "sh", "-c", enter, "sh", ...command], {
    env: { ...environment, PATH: `/usr/sbin:/sbin:${environment["PATH"]}:/bin` },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function outputOf(command: readonly string[], expected = 0): Promise<string> {
  const child = start(...command);
  const chunks: Buffer[] = [];
  child.stdout!.on("data", (chunk: Buffer) => chunks.push(chunk));
  const [code]: unknown[] = await once(child, "close");
  const text = Buffer.concat(chunks).toString();
  assert.equal(code, expected, text);
  return text;
}

test("the image is small, and the same sources are the same bytes", () => {
  assert.ok(statSync(archive).size <= MAX_BYTES);
  const second = join(folder, "second.tar");
  build(second);
  assert.ok(readFileSync(archive).equals(readFileSync(second)));
});

test("fairway finds what it reads at run time: versions, the demo, the schemas of Gateway API", async () => {
  assert.match(await outputOf(["fairway", "version"]), /^fairway \S+ \(node 26/);
  // The demo's certificate is made when it starts.
  const checked = await outputOf(["fairway", "check", "-f", "/opt/fairway/services/cli/demo"], 1);
  assert.match(checked, /Gateway\s+default\/edge\s+http\s+Accepted, 1 attached/);
  assert.match(checked, /HTTPRoute\s+default\/shop/);
});

test("nobody can write below the root", async () => {
  const write = 'try { fs.writeFileSync("/tmp/x", "") } catch ({ code }) { console.log(process.getuid(), code) }';
  assert.equal(await outputOf(["node", "--eval", write]), `${IMAGE_UID} EROFS\n`);
});

for (const [service, args] of Object.entries({ dns: ["--port"], resolver: ["--port"], edge: [], balancer: [] })) {
  test(`${service} is ready within ${READY_MS} ms, lives, and ends when told`, async () => {
    const port = await freePort();
    const ports = args.map((flag) => `${flag}=${port}`);
    const child = start(`fairway-${service}`, "--workers=2", "--admin-port=0", ...ports);
    const ready = Promise.withResolvers<{ readonly admin: string; readonly ms: number }>();
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const said = JSON.parse(line) as { event: string; admin: string; ms: number };
      if (said.event === "ready") ready.resolve(said);
    });
    const ended = once(child, "close");
    try {
      const { admin, ms } = await Promise.race([ready.promise, wait(20_000).then(() => assert.fail("not ready"))]);
      assert.ok(ms < READY_MS, `${ms} ms`);
      assert.equal((await fetch(`http://${admin}/livez`)).status, 200);
      assert.match(await (await fetch(`http://${admin}/metrics`)).text(), /fairway_build_info/);
    } finally {
      child.kill("SIGTERM");
    }
    assert.deepEqual(await ended, [0, null]);
  });
}
