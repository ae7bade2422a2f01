/** The controller: Kubernetes' objects in, configuration for data planes out, and what they need in the cluster. */
import { runProgram } from "#src/process/program.ts";
import { Controller } from "./controller.ts";
import { CONTROLLER_OPTIONS } from "./options.ts";

await runProgram({
  name: "controller",
  help: "Reads Gateway API and Fairway's own kinds from Kubernetes and brings them to the data planes.",
  adminPort: 9646,
  options: CONTROLLER_OPTIONS,
  start: (context) => Controller.start(context),
});
