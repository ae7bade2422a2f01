/**
 * The log: one JSON object a line, one line per change of state, never one per packet or request (those have logs of
 * their own). `event` is a fixed phrase that a reader can search for; what varies stands in fields.
 */
import { writeSync } from "node:fs";

type LogLevel = "debug" | "info" | "warn" | "error";

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Values are written as JSON; an Error as its message, with its stack at level error. */
type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A logger whose lines all carry these fields as well. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  /** Lines below it are not written. */
  readonly level?: LogLevel;
  /** Stand in every line, after time, level and event. */
  readonly fields?: LogFields;
  /** Takes one whole line with its newline. Default: standard output, written at once. */
  readonly write?: (line: string) => void;
  readonly now?: () => Date;
}

/** Names whose values are never written, whatever they hold. */
const SECRET = /password|passwd|secret|token|authorization|cookie|keypem|privatekey/i;

export function createLogger(options: LoggerOptions = {}): Logger {
  const { level = "info", fields: fixed = {}, write = writeToStdout, now = () => new Date() } = options;
  const threshold = LOG_LEVELS.indexOf(level);
  const at =
    (own: LogLevel) =>
    (event: string, fields: LogFields = {}) => {
      if (LOG_LEVELS.indexOf(own) < threshold) return;
      write(`${renderLine({ time: now().toISOString(), level: own, event, ...fixed, ...fields })}\n`);
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    with: (fields) => createLogger({ ...options, fields: { ...fixed, ...fields } }),
  };
}

function renderLine(fields: LogFields): string {
  return JSON.stringify(fields, (name, value: unknown) => {
    if (name !== "" && SECRET.test(name)) return "[not shown]";
    if (value instanceof Error) return fields["level"] === "error" ? (value.stack ?? value.message) : value.message;
    return typeof value === "bigint" ? String(value) : value;
  });
}

/** One write call a line: lines of several processes that share a pipe do not mix (below PIPE_BUF, pipe(7)). */
function writeToStdout(line: string): void {
  try {
    writeSync(1, line);
  } catch {
    // Nobody reads any more (EPIPE), or the reader is slower than we are (EAGAIN): serving goes on without the line.
  }
}
