/** Where a script's load goes, and for how long: `npm run load` hands it over in k6's environment. */
import type { Options, Threshold } from "k6/options";

function textOf(name: string): string {
  const value = __ENV[name];
  if (value === undefined) throw new Error(`Cannot run: ${name} is not set. Start scripts by npm run load`);
  return value;
}

export function numberOf(name: string): number {
  const value = Number(textOf(name));
  if (Number.isNaN(value)) throw new Error(`Cannot run: ${name} is not a number`);
  return value;
}

/** `http://cdn.demo.test:8080`, without a path. */
export const ORIGIN: string = textOf("ORIGIN");

/** Options that all scripts have: the name in `ORIGIN` leads to the address of the target, whatever DNS says. */
export function loadOptions(thresholds: Record<string, Threshold[]>): Options {
  return {
    vus: numberOf("VUS"),
    duration: `${textOf("DURATION_MS")}ms`,
    hosts: { [textOf("HOST")]: textOf("ADDRESS") },
    insecureSkipTLSVerify: __ENV["INSECURE"] === "true",
    // A redirect is an answer like any other here.
    maxRedirects: 0,
    summaryTrendStats: ["avg", "med", "p(95)", "p(99)", "max"],
    thresholds: {
      checks: ["rate==1"],
      http_req_failed: [`rate<=${textOf("MAX_FAILURES")}`],
      http_req_duration: [`p(95)<=${textOf("P95_MS")}`],
      ...thresholds,
    },
  };
}
