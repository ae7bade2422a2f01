/** `fairway version`. */
import packageJson from "../../package.json" with { type: "json" };
import { defineCommand } from "#src/process/command-line.ts";
import { OUTPUT_OPTION } from "./output-option.ts";

export const VERSION: string = packageJson.version;

export const version = defineCommand({
  name: "version",
  help: "Print the versions of Fairway and of the Node it runs on.",
  options: {
    output: OUTPUT_OPTION,
  },
  run: async ({ options }) => {
    const versions = {
      fairway: VERSION,
      node: process.versions.node,
      openssl: process.versions.openssl,
      architecture: process.arch,
    };
    console.log(
      options.output === "json"
        ? JSON.stringify(versions)
        : `fairway ${VERSION} (node ${versions.node}, openssl ${versions.openssl}, ${process.arch})`,
    );
    return 0;
  },
});
