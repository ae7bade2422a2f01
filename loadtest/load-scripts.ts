/** The scripts of `npm run load`, each with the options that are its own. */
import type { Options, OptionValue } from "#src/process/option.ts";

export interface LoadScript {
  readonly name: string;
  readonly help: string;
  readonly options: Options;
}

/** What every script can be told; `target` and `host` are where `npm start` has it. */
function commonOptions(target: string, host: string) {
  return {
    target: { type: "string", default: target, help: "Where the load goes: scheme, host and port." },
    host: { type: "string", default: host, help: "Name that is asked for, whatever its address." },
    duration: { type: "duration", default: 30_000, min: 1_000, max: 86_400_000, help: "How long." },
    vus: { type: "integer", default: 20, min: 1, max: 10_000, unit: "users", help: "Users that ask at the same time." },
    p95: {
      type: "duration",
      default: 200,
      min: 1,
      max: 60_000,
      help: "The run fails when one in twenty answers takes longer.",
    },
    maxFailures: {
      type: "number",
      default: 0,
      min: 0,
      max: 1,
      help: "The run fails when a larger share of requests does.",
    },
    insecure: { type: "boolean", default: false, help: "Take any certificate, such as the demo's." },
  } as const satisfies Options;
}

export const LOAD_SCRIPTS: readonly LoadScript[] = [
  {
    name: "edge",
    help: "The edge's cache: few keys often, many seldom, some never before; hit ratio and times of hits and misses.",
    options: {
      ...commonOptions("http://127.0.0.1:8080", "cdn.demo.test"),
      keys: { type: "integer", default: 1_000, min: 1, max: 1_000_000, help: "Different pages." },
      exponent: { type: "number", default: 1, min: 0, max: 5, help: "Of Zipf's law; 0 asks for all pages alike." },
      cold: { type: "number", default: 0.05, min: 0, max: 1, help: "Share of requests for a page of their own." },
      minHits: { type: "number", default: 0.5, min: 0, max: 1, help: "The run fails below this share of hits." },
    },
  },
  {
    name: "l7",
    help: "The demo's balancer: weights, a header match, a redirect, a host without a route, uploads.",
    options: {
      ...commonOptions("http://127.0.0.1:8090", "shop.demo.test"),
      share: {
        type: "number",
        default: 0.6667,
        min: 0,
        max: 1,
        help: "Share of origin-a by its weight in routes.yaml; the run fails when it is missed by more than 0.05.",
      },
    },
  },
];

/** `maxFailures` as the script reads it: MAX_FAILURES, durations with their unit. */
export function scriptEnvironment(
  { options }: LoadScript,
  values: Readonly<Record<string, OptionValue>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(options)
      .filter(([name]) => name !== "target" && name !== "host")
      .map(([name, { type }]) => {
        const upper = name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
        return [type === "duration" ? `${upper}_MS` : upper, String(values[name])];
      }),
  );
}
