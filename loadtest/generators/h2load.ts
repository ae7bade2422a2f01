/** h2load: HTTP/2 over TLS, several streams at once on each connection. */
import type { LoadResult } from "./load-result.ts";
import { runProgram } from "./run-program.ts";

export interface H2loadOptions {
  readonly url: string;
  readonly seconds: number;
  readonly connections: number;
  /** Requests without a response yet, of each connection. */
  readonly streams: number;
  /** The size of the body that every response must have. */
  readonly bodyBytes: number;
  readonly signal: AbortSignal;
}

export async function runH2load(options: H2loadOptions): Promise<LoadResult> {
  const { url, seconds, connections, streams, bodyBytes, signal } = options;
  const flags = ["-t", 1, "-c", connections, "-m", streams, "-D", Math.max(1, Math.round(seconds))].map(String);
  return parseH2load(await runProgram(["h2load", ...flags, url], signal), bodyBytes);
}

/** h2load's statistics. Those that were open when the time was up are not counted, and not faults. */
export function parseH2load(output: string, bodyBytes: number): LoadResult {
  const numbers = (pattern: RegExp): number[] => {
    const found = pattern.exec(output);
    if (found === null) throw new Error(`Cannot read what h2load printed: ${output}`);
    return found.slice(1).map(Number);
  };
  const [seconds] = numbers(/finished in ([\d.]+)s/);
  const [done, failed, errored, timeout] = numbers(
    /requests: .* (\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/,
  );
  const [good] = numbers(/status codes: (\d+) 2xx/);
  const [bytes, headers, body] = numbers(/traffic: \S+ \((\d+)\) total, \S+ \((\d+)\) headers .*, \S+ \((\d+)\) data/);
  const faults = Object.entries({ failed, errored, timeout }).flatMap(([kind, count]) =>
    count === 0 ? [] : [`${count} requests ${kind}`],
  );
  if (done === 0) faults.push("no response");
  if (good! < done!) faults.push(`${done! - good!} of ${done} responses are not 2xx`);
  // Parts of responses that were not finished are among the bytes.
  if (body! < done! * bodyBytes) faults.push(`${body} bytes of bodies in ${done} responses of ${bodyBytes}`);
  const version = /Application protocol: (\S+)/.exec(output)?.[1];
  if (version !== "h2") faults.push(`the protocol is ${version}`);
  const cipher = /Cipher: (\S+)/.exec(output)?.[1];
  const perResponse = done === 0 ? 0 : headers! / done!;
  const note = `${perResponse.toFixed(0)} bytes of header blocks a response, ${cipher}`;
  return { operations: done!, seconds: seconds!, bytes: bytes!, faults, note };
}
