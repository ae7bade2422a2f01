/** What the mains of benches have in common: command line, exit code, and an orderly end when they are stopped. */
import { type Command, parseCommandLine } from "#src/process/command-line.ts";
import { failWith, StartFault } from "#src/process/fault.ts";
import { VERSION } from "#src/process/requirements.ts";
import { handleSignals } from "#src/process/stop-signals.ts";

/** Runs the program's one command with the process's arguments, and sets the exit code. */
export async function runProgramMain(command: Command, environmentName: string): Promise<void> {
  const { name, help } = command;
  try {
    const program = { name, environmentName, help, version: VERSION };
    const parsed = parseCommandLine(program, [command], process.argv.slice(2), process.env);
    if (parsed.outcome === "shown") process.stdout.write(parsed.text);
    else if (parsed.outcome === "faults") throw new StartFault(parsed.sentences.join("\n"), 2);
    else process.exitCode = await parsed.command.run(parsed.input);
  } catch (error) {
    failWith(error);
  }
}

/** SIGINT and SIGTERM abort the signal that `work` is given; what it has started ends as it unwinds. */
export async function untilStopped(name: string, work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const abort = new AbortController();
  using _signals = handleSignals({
    stop: (signal) => abort.abort(new StartFault(`Cannot finish ${name}: ${signal}`)),
    reload: () => {},
  });
  try {
    return await work(abort.signal);
  } catch (error) {
    // What fails because a generator was stopped says less than why it was.
    throw abort.signal.aborted ? abort.signal.reason : error;
  }
}
