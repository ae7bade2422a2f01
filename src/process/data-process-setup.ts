/** What a main tells its data process before anything can be said over the stream: in the environment, not in argv, where everyone reads. */
import type { OptionValue } from "./option.ts";

export interface DataProcessSetup {
  readonly index: number;
  readonly workers: number;
  readonly mainPid: number;
  readonly options: Readonly<Record<string, OptionValue>>;
}

const VARIABLE = "FAIRWAY_DATA_PROCESS";

/** Descriptors that a data process is born with. */
export const STREAM_FD = 3;
export const MEMORY_FD = 4;
/** Eventfds: the main's, and this process's own. */
export const MAIN_WAKE_FD = 5;
export const OWN_WAKE_FD = 6;

export function setupEnvironment(setup: DataProcessSetup): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(setup) };
}

/** The setup, when this is a data process; taken out of the environment so that its own children are none. */
export function takeSetup(environment: Record<string, string | undefined>): DataProcessSetup | undefined {
  const text = environment[VARIABLE];
  if (text === undefined) return undefined;
  delete environment[VARIABLE];
  const setup: unknown = JSON.parse(text);
  if (!isSetup(setup)) throw new Error(`Cannot start as a data process: ${VARIABLE} is not what a main sets`);
  return setup;
}

function isSetup(value: unknown): value is DataProcessSetup {
  if (typeof value !== "object" || value === null) return false;
  const given = new Map<string, unknown>(Object.entries(value));
  return (
    ["index", "workers", "mainPid"].every((name) => Number.isInteger(given.get(name))) &&
    typeof given.get("options") === "object"
  );
}
