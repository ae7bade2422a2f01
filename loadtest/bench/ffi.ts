/** What a system call through `node:ffi` costs above the same call in C. */
import { join } from "node:path";
import { runProgram } from "../generators/run-program.ts";
import { launcherOn } from "../peers/peer.ts";
import type { Bench, Contender } from "../run/bench.ts";

const LOAD = join(import.meta.dirname, "../generators");

export const ffi: Bench = {
  name: "ffi",
  help: "recv on an empty socket: by the reactor's wrapper, and by a C program compiled now.",
  unit: "ns of CPU per call",
  bars: [{ kind: "difference", peer: "cc", atMost: 25 }],
  programs: ["cc"],
  prepare: async ({ cores, folder, signal }) => {
    const binary = join(folder, "recv-calls");
    await runProgram(["cc", "-O2", "-o", binary, join(LOAD, "recv-calls.c")], signal);
    const contender = (name: string, command: readonly string[]): Contender => ({
      name,
      isFresh: true,
      measure: async (seconds) => {
        const output = await runProgram([...launcherOn(cores.server), ...command, String(seconds)], signal);
        const cost = Number(output);
        return { cost, rate: 1e9 / cost, faults: cost > 0 ? [] : [`it printed ${output}`] };
      },
    });
    return [
      contender("fairway", [process.execPath, "--no-warnings", join(LOAD, "recv-calls.ts")]),
      contender("cc", [binary]),
    ];
  },
};
