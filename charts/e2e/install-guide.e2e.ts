/** docs/install.md as a newcomer types it: its commands, from `helm install` to HTTPS at a DNS name, say what it says they do. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Installation, installGatewayApi } from "#src/testing/installation.ts";
import { kubectl } from "#src/testing/kubectl.ts";
import { runProgram } from "#src/testing/run-program.ts";

const ROOT = join(import.meta.dirname, "../..");
const SECTIONS = ["Install", "A first Gateway"];
/** Between what two blocks of commands say. */
const MARK = "---- next block";

interface Block {
  readonly commands: string;
  /** What the guide says is seen then; undefined where it does not say. */
  seen: string | undefined;
}

/** Blocks of `sh` of a section, each with the first block without a language that follows it. */
function blocksOf(text: string, section: string): Block[] {
  const body = text.split(`\n## ${section}\n`)[1]?.split("\n## ")[0] ?? "";
  const blocks: Block[] = [];
  for (const [, language, content = ""] of body.matchAll(/^```(\w*)\n([^]*?)^```$/gm)) {
    const last = blocks.at(-1);
    if (language === "sh") blocks.push({ commands: content, seen: undefined });
    else if (last !== undefined) last.seen ??= content;
  }
  return blocks;
}

/** Without what differs from cluster to cluster and from time to time: addresses, ages, and how columns are spaced. */
function masked(text: string): string[] {
  const lines = text
    .replaceAll(/\d+\.\d+\.\d+\.\d+/g, "ADDRESS")
    .replaceAll(/\b(\d+m)?\d+s\b/g, "AGE")
    .split("\n");
  return lines.map((line) => line.replaceAll(/ +/g, " ").trim()).filter((line) => line !== "");
}

const folder = mkdtempSync(join(tmpdir(), "fairway-guide-"));
let made: Installation | undefined;

after(async () => {
  await kubectl("delete", "namespace", "shop", "--ignore-not-found");
  await made?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test("the guide's commands, typed one after another, show what it says", async () => {
  made = await Installation.none();
  await installGatewayApi();
  for (const name of ["charts", "manifests"]) symlinkSync(join(ROOT, name), join(folder, name));
  const guide = readFileSync(join(ROOT, "docs/install.md"), "utf8");
  const blocks = SECTIONS.flatMap((section) => blocksOf(guide, section));
  assert.ok(
    blocks.length >= 4 && blocks.filter(({ seen }) => seen !== undefined).length >= 4,
    "the guide has been read",
  );
  const script = blocks.map(({ commands }) => commands).join(`echo '${MARK}'\n`);
  const said = await runProgram("bash", ["-euo", "pipefail", "-c", `cd ${folder}\n${script}`], { timeoutMs: 300_000 });
  const parts = said.split(`${MARK}\n`);
  for (const [index, { commands, seen }] of blocks.entries()) {
    if (seen === undefined) continue;
    const lines = masked(parts[index] ?? "");
    for (const line of masked(seen)) assert.ok(lines.includes(line), `${commands}says no "${line}":\n${parts[index]}`);
  }
});
