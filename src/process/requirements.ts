/** What the machine must be for Fairway to run on it. */
import { abiFault } from "#src/reactor/abi.ts";
import packageJson from "../../package.json" with { type: "json" };
import { StartFault } from "./fault.ts";

export const VERSION: string = packageJson.version;

/** Throws a StartFault. The exact version of Node counts: node:ffi may change with every one. */
export function checkRequirements(nodeVersion = process.versions.node, wanted = packageJson.engines.node): void {
  if (nodeVersion !== wanted) {
    throw new StartFault(
      `Cannot run on Node ${nodeVersion}: Fairway needs Node ${wanted}, which "npm ci" installs for "npm start"`,
    );
  }
  const fault = abiFault();
  if (fault !== undefined) throw new StartFault(`Cannot call the system: ${fault}`);
}
