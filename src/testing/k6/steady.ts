/**
 * A steady load of several kinds, until k6 is told to end: every answer must be right. What is not is a line of its own
 * with the time, since k6's summary does not say when, and cuts off what is under way at the end.
 */
import http from "k6/http";
import type { Options } from "k6/options";
import type { LoadStream } from "../steady-load.ts";

const streams = JSON.parse(__ENV["STREAMS"] ?? "[]") as readonly LoadStream[];

export const options: Options = {
  hosts: JSON.parse(__ENV["HOSTS"] ?? "{}") as Record<string, string>,
  insecureSkipTLSVerify: true,
  maxRedirects: 0,
  scenarios: Object.fromEntries(
    streams.map(({ name, perSecond }) => [
      name,
      {
        executor: "constant-arrival-rate",
        exec: "ask",
        env: { STREAM: name },
        rate: perSecond,
        timeUnit: "1s",
        duration: "20m",
        preAllocatedVUs: 10,
        maxVUs: 40,
        gracefulStop: "0s",
      },
    ]),
  ),
};

export function ask(): void {
  const { name, url, isFresh, answer } = streams.find((stream) => stream.name === __ENV["STREAM"])!;
  const begun = Date.now();
  const response = http.get(url, { timeout: "10s", ...(isFresh && { headers: { connection: "close" } }) });
  if (response.status === 200 && response.body === answer) return;
  console.error(`WRONG ${Date.now()} ${name} after ${Date.now() - begun} ms: ${response.status} ${response.error}`);
}

interface Summary {
  readonly metrics: Readonly<Record<string, { readonly values: Readonly<Record<string, number>> }>>;
}

export function handleSummary({ metrics }: Summary): Record<string, string> {
  const count = (name: string): number => metrics[name]?.values["count"] ?? 0;
  return { stdout: JSON.stringify({ asked: count("http_reqs"), dropped: count("dropped_iterations") }) };
}
