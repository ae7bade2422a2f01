/** `fairway check -f DIR`: everything that is wrong with a configuration, and what each object comes to, without applying it. */
import { formatFault } from "#src/config/source/snapshot.ts";
import { defineCommand } from "#src/process/command-line.ts";
import { toRows } from "#src/translate/check.ts";
import { readConfiguration } from "./configuration.ts";
import { formatTable } from "./table.ts";
import { OUTPUT_OPTION } from "./output-option.ts";

export const check = defineCommand({
  name: "check",
  help: "Check directories of configuration: every fault, and the verdict on each object.",
  options: {
    file: { type: "list", short: "f", default: ["."], help: "Directory (or file) of YAML and zone files." },
    output: OUTPUT_OPTION,
  },
  run: async ({ options }) => {
    const { faults, verdicts } = readConfiguration(options.file);
    const rows = toRows(verdicts);
    if (options.output === "json") {
      console.log(JSON.stringify({ faults, verdicts: rows }, undefined, 2));
    } else {
      for (const fault of faults) console.log(formatFault(fault));
      if (faults.length > 0) console.log();
      const cells = rows.map(({ kind, name, part, ok, verdict, message }) => [
        ok ? "✓" : "✗",
        kind,
        name,
        part,
        verdict,
        message,
      ]);
      console.log(formatTable(["", "KIND", "NAME", "PART", "VERDICT", "WHY"], cells));
    }
    return faults.length > 0 || rows.some(({ ok }) => !ok) ? 1 : 0;
  },
});
