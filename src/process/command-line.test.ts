import assert from "node:assert/strict";
import { test } from "node:test";
import { type Command, defineCommand, parseCommandLine, type Program } from "./command-line.ts";
import type { NumberOption, Option } from "./option.ts";
import { environmentNames, explainOption, formatOptionValue, parseOptionText } from "./option-text.ts";

const integer: NumberOption = { type: "integer", default: 1, min: 1, max: 8, help: "" };
const duration: NumberOption = { type: "duration", default: 10_000, max: 3_600_000, help: "How long." };
const bytes: NumberOption = { type: "bytes", default: 2 ** 26, unit: "memory", help: "How much." };
const list: Option = { type: "list", default: [], help: "" };

for (const [option, text, expected] of [
  [integer, "8", { value: 8 }],
  [integer, "9", { fault: "is above 8" }],
  [integer, "0", { fault: "is below 1" }],
  [integer, "1.5", { fault: "is not a whole number" }],
  [integer, "1s", { fault: "is not a whole number" }],
  [integer, "", { fault: "is not a whole number" }],
  [duration, "250ms", { value: 250 }],
  [duration, "1.5s", { value: 1500 }],
  [duration, "2h", { fault: "is above 1h" }],
  [duration, "10", { fault: "is not a duration such as 250ms, 10s, 5m or 1h" }],
  [duration, "10constructor", { fault: "is not a duration such as 250ms, 10s, 5m or 1h" }],
  [bytes, "64KiB", { value: 65536 }],
  [bytes, "1.5", { fault: "is not a size such as 65536, 64KiB, 512MiB or 4GiB" }],
  [list, "a, b,,c", { value: ["a", "b", "c"] }],
  [{ ...list, separator: "\n" }, "a, b\nc", { value: ["a, b", "c"] }],
  [{ type: "boolean", default: false, help: "" }, "yes", { value: true }],
  [{ type: "boolean", default: false, help: "" }, "maybe", { fault: "is not true or false" }],
  [{ type: "string", default: "a", choices: ["a", "b"], help: "" }, "c", { fault: "is not one of a, b" }],
] as const) {
  test(`${option.type} ${JSON.stringify(text)}`, () => assert.deepEqual(parseOptionText(option, text), expected));
}

test("an option explains itself; a secret does not show its default", () => {
  assert.equal(explainOption(duration), "How long. (at most 1h; default 10s)");
  assert.equal(explainOption(bytes), "How much. (in memory; default 64MiB)");
  assert.equal(explainOption({ type: "string", default: "hidden", secret: true, help: "Key." }), "Key.");
  assert.equal(formatOptionValue(duration, 0), "0ms");
  assert.deepEqual(environmentNames("dns", "drainTimeout", { ...duration, shared: true }), [
    "FAIRWAY_DNS_DRAIN_TIMEOUT",
    "FAIRWAY_DRAIN_TIMEOUT",
  ]);
});

const program: Program = { name: "fairway-dns", environmentName: "dns", help: "Answers.", version: "1.2.3" };

const serve = defineCommand({
  name: "serve",
  help: "Serves.",
  options: {
    port: { type: "integer", default: 53, min: 1, max: 65535, help: "Port." },
    workers: { type: "integer", default: 2, shared: true, help: "Processes." },
    bind: { type: "list", default: ["::1"], short: "b", help: "Addresses." },
    tcp: { type: "boolean", default: true, help: "TCP too." },
    key: { type: "string", default: "", secret: true, choices: ["", "k"], help: "Key." },
  },
  run: ({ options }) => Promise.resolve(options.port + options.workers + options.bind.length),
});

const parse = (
  argv: readonly string[],
  environment: Record<string, string> = {},
  commands: readonly Command[] = [serve],
) => parseCommandLine(program, commands, argv, environment);

const valuesOf = (argv: readonly string[], environment: Record<string, string> = {}) => {
  const parsed = parse(argv, environment);
  assert.equal(parsed.outcome, "run", JSON.stringify(parsed));
  return parsed.outcome === "run" ? parsed.input.options : {};
};

test("defaults, then environment, then command line; the service's own name before the shared one", () => {
  assert.deepEqual(valuesOf([]), { port: 53, workers: 2, bind: ["::1"], tcp: true, key: "" });
  const environment = { FAIRWAY_DNS_PORT: "54", FAIRWAY_WORKERS: "3", FAIRWAY_DNS_WORKERS: "4", FAIRWAY_PORT: "1" };
  assert.deepEqual(valuesOf(["--port", "55"], environment), {
    port: 55,
    workers: 4,
    bind: ["::1"],
    tcp: true,
    key: "",
  });
  assert.deepEqual(valuesOf([], { FAIRWAY_DNS_TCP: "no" })["tcp"], false);
  assert.deepEqual(valuesOf(["-b", "::1", "--bind", "127.0.0.1,::2", "--no-tcp"]), {
    port: 53,
    workers: 2,
    bind: ["::1", "127.0.0.1", "::2"],
    tcp: false,
    key: "",
  });
});

test("all faults at once, a secret's value unshown", () => {
  assert.deepEqual(parse(["--port", "0"], { FAIRWAY_WORKERS: "many", FAIRWAY_DNS_KEY: "hunter2" }), {
    outcome: "faults",
    sentences: [
      'Cannot use --port: "0" is below 1',
      'Cannot use FAIRWAY_WORKERS: "many" is not a whole number',
      "Cannot use FAIRWAY_DNS_KEY: its value is not one of , k",
    ],
  });
});

for (const [argv, expected] of [
  [
    ["--prot", "1"],
    /^Cannot run fairway-dns: unknown option '--prot' \(Did you mean --port\?\)\. See fairway-dns --help$/,
  ],
  [["stray"], /^Cannot run fairway-dns: too many arguments/],
  [["--port"], /argument missing/],
] as const) {
  test(`refused: ${argv.join(" ")}`, () => {
    const parsed = parse(argv);
    assert.match(parsed.outcome === "faults" ? parsed.sentences.join() : parsed.outcome, expected);
  });
}

test("--help shows every option with its bounds and environment name; --version the version", () => {
  const help = parse(["--help"]);
  assert.match(
    help.outcome === "shown" ? help.text : "",
    /--port <integer>\s+Port\. \(at least 1; at most 65535; default\s+53\)\s+\[FAIRWAY_DNS_PORT\]/,
  );
  assert.deepEqual(parse(["--version"]), { outcome: "shown", text: "1.2.3\n" });
});

test("several commands: each with options and arguments of its own", async () => {
  const dig = defineCommand({
    name: "dig",
    help: "Asks.",
    arguments: [
      { name: "<name>", help: "Name." },
      { name: "[types...]", help: "Types." },
    ],
    options: { output: { type: "string", default: "table", short: "o", help: "Form." } },
    run: ({ arguments: given, options }) => Promise.resolve(given.length * (options.output === "json" ? 10 : 1)),
  });
  const parsed = parse(["dig", "-o", "json", "a.test", "A", "AAAA"], {}, [serve, dig]);
  assert.equal(parsed.outcome === "run" ? await parsed.command.run(parsed.input) : undefined, 30);
  assert.match(JSON.stringify(parse(["dig"], {}, [serve, dig])), /missing required argument 'name'/);
  assert.match(JSON.stringify(parse(["dog"], {}, [serve, dig])), /unknown command 'dog' \(Did you mean dig\?\)/);
  const bare = parse([], {}, [serve, dig]);
  assert.match(bare.outcome === "faults" ? bare.sentences.join() : JSON.stringify(bare), /Usage: fairway-dns/);
});
