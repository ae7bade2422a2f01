/** How k6 is started for one script. Pure. */
import { join } from "node:path";
import type { LoadTarget } from "./load-target.ts";

const SCRIPTS = join(import.meta.dirname, "k6");

export interface K6Run {
  readonly script: string;
  readonly target: LoadTarget;
  /** What the script reads from `__ENV`. */
  readonly values: Readonly<Record<string, string>>;
  /** Path of the reports without their endings. */
  readonly report: string;
}

export function k6Arguments({ script, target, values, report }: K6Run): string[] {
  const environment = { ORIGIN: target.origin, HOST: target.host, ADDRESS: target.address, REPORT: report, ...values };
  return [
    "run",
    "--no-usage-report",
    // No control port: several runs may go on at once.
    "--address=",
    ...Object.entries(environment).map(([name, value]) => `--env=${name}=${value}`),
    join(SCRIPTS, `${script}.ts`),
  ];
}

/** The HTML report is k6's dashboard, written at the end and served to nobody. */
export function k6Environment(report: string): Record<string, string> {
  return {
    K6_WEB_DASHBOARD: "true",
    K6_WEB_DASHBOARD_PORT: "-1",
    // A run shorter than a period or two leaves no report.
    K6_WEB_DASHBOARD_PERIOD: "1s",
    K6_WEB_DASHBOARD_EXPORT: `${report}.html`,
  };
}
