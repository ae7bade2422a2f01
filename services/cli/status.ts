/** `fairway status`: asks every service's admin endpoint how it is. */
import { defineCommand } from "#src/process/command-line.ts";
import { ADMIN_PORTS, askAdmin } from "./admin-client.ts";
import { formatTable } from "./table.ts";
import { OUTPUT_OPTION } from "./output-option.ts";

/** What a service's `/status` says of itself. */
interface ServiceStatus {
  readonly phase: string;
  readonly unready: string | null;
  readonly pid: number;
  readonly processes: readonly unknown[];
}

export const status = defineCommand({
  name: "status",
  help: "Show how each service on this machine is.",
  options: {
    host: { type: "string", default: "127.0.0.1", help: "IP address of the admin endpoints." },
    output: OUTPUT_OPTION,
  },
  run: async ({ options }) => {
    const answers = await Promise.all(
      Object.entries(ADMIN_PORTS).map(async ([name, port]) => ({
        name,
        port,
        answer: await askAdmin(options.host, port, "/status"),
      })),
    );
    const isUp = answers.every(({ answer }) => "value" in answer);
    if (options.output === "json") {
      console.log(
        JSON.stringify(
          Object.fromEntries(answers.map(({ name, answer }) => [name, "value" in answer ? answer.value : answer])),
        ),
      );
      return isUp ? 0 : 1;
    }
    const rows = answers.map(({ name, port, answer }) => {
      if ("reason" in answer) return ["✗", name, `${options.host}:${port}`, answer.reason];
      return ["✓", name, `${options.host}:${port}`, ...cellsOf(answer.value as ServiceStatus)];
    });
    console.log(formatTable(["", "SERVICE", "ADMIN", "STATE", "MAIN", "PROCESSES"], rows));
    if (!isUp) console.log("\nA service that does not answer is not running here: start it with `fairway up -f DIR`.");
    return isUp ? 0 : 1;
  },
});

function cellsOf({ phase, unready, pid, processes }: ServiceStatus): string[] {
  return [unready === null ? phase : `unready: ${unready}`, String(pid), String(processes.length)];
}
