/** `npm run load -- NAME`: a k6 script against what is running, with a report. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { type Command, defineCommand, parseCommandLine } from "#src/process/command-line.ts";
import { failWith, StartFault } from "#src/process/fault.ts";
import type { OptionValue } from "#src/process/option.ts";
import metadata from "../package.json" with { type: "json" };
import { k6Arguments, k6Environment } from "./k6-command.ts";
import { LOAD_SCRIPTS, type LoadScript, scriptEnvironment } from "./load-scripts.ts";
import { findTarget } from "./load-target.ts";

const REPORTS = join(import.meta.dirname, "reports");
const NO_K6 =
  "Cannot run a load: k6 is not on the path. Install it: go install go.k6.io/k6@v1.8.1 (into $(go env GOPATH)/bin)";

const list = defineCommand({
  name: "list",
  help: "The scripts, a line each.",
  options: {},
  run: async () => {
    for (const { name, help } of LOAD_SCRIPTS) console.log(`${name.padEnd(6)}${help}`);
    return 0;
  },
});

const commandOf = (script: LoadScript): Command => ({
  ...script,
  arguments: [],
  run: ({ options }) => runScript(script, options),
});

async function runScript(script: LoadScript, options: Readonly<Record<string, OptionValue>>): Promise<number> {
  if (spawnSync("k6", ["version"]).error !== undefined) throw new StartFault(NO_K6, 2);
  const target = await findTarget(String(options["target"]), String(options["host"]));
  mkdirSync(REPORTS, { recursive: true });
  const report = join(REPORTS, `${script.name}-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`);
  const values = scriptEnvironment(script, options);
  const child = spawn("k6", k6Arguments({ script: script.name, target, values, report }), {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...k6Environment(report) },
  });
  // Ctrl-C reaches k6 too: it ends in its own time, and says how far it came.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  const [code]: unknown[] = await once(child, "exit");
  const files = [".html", ".txt", ".json"].map((ending) => `${report}${ending}`).filter((file) => existsSync(file));
  if (files.length > 0) console.log(`\nreports: ${files.map((file) => relative(process.cwd(), file)).join(" ")}`);
  return code === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const program = {
    name: "load",
    environmentName: "LOAD",
    help: "k6 scripts against a running Fairway.",
    version: metadata.version,
  };
  const commands = [list, ...LOAD_SCRIPTS.map((script) => commandOf(script))];
  const parsed = parseCommandLine(program, commands, process.argv.slice(2), process.env);
  if (parsed.outcome === "run") return parsed.command.run(parsed.input);
  if (parsed.outcome === "shown") {
    process.stdout.write(parsed.text);
    return 0;
  }
  for (const sentence of parsed.sentences) console.error(sentence);
  return 2;
}

try {
  process.exitCode = await main();
} catch (error) {
  failWith(error);
}
