/** Faults that end a program: one sentence for a person, and the exit code. Only the top of a program reports them. */

/** 1: could not do it (port taken, no right). 2: was asked wrongly (options, configuration). */
export type FaultCode = 1 | 2;

/** The world is not as it must be: thrown while starting, shown as its message alone. */
export class StartFault extends Error {
  readonly exitCode: FaultCode;

  constructor(sentence: string, exitCode: FaultCode = 1) {
    super(sentence);
    this.exitCode = exitCode;
  }
}

/** At the top only: says it on standard error and makes the process end with the code once nothing is left to do. */
function fail(sentence: string, exitCode: FaultCode): void {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = exitCode;
}

/** At the top only. A fault and a refusal in our own words ("Cannot X: reason") are a sentence, anything else shows where it came from. */
export function failWith(error: unknown): void {
  const sentence = sentenceOf(error);
  if (sentence !== undefined) fail(sentence, error instanceof StartFault ? error.exitCode : 1);
  else fail(error instanceof Error ? (error.stack ?? error.message) : String(error), 1);
}

/** The error's message, when it is one for a person; undefined: a programming error. */
export function sentenceOf(error: unknown): string | undefined {
  if (error instanceof StartFault) return error.message;
  return error instanceof Error && error.message.startsWith("Cannot ") ? error.message : undefined;
}
