/** What is going on, on standard error: one line that is redrawn at a terminal, a line each elsewhere. */
export interface Progress {
  readonly say: (text: string) => void;
  /** Before something else is printed. */
  readonly clear: () => void;
}

const CLEAR = "\r\u001b[K";

export function openProgress(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY
    ? { say: (text) => void stream.write(CLEAR + text), clear: () => void stream.write(CLEAR) }
    : { say: (text) => void stream.write(`${text}\n`), clear: () => {} };
}
