/** What is left of a run: k6's figures as JSON, and a page of text for the terminal and beside it. */

/** The part of handleSummary's argument that is used here. */
export interface SummaryData {
  readonly state: { readonly testRunDurationMs: number };
  readonly metrics: Readonly<Record<string, Metric>>;
}

interface Metric {
  readonly type: string;
  /** "time": milliseconds; "data": bytes. */
  readonly contains: string;
  readonly values: Readonly<Record<string, number>>;
  readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
}

/** Makes a script's `handleSummary`: the keys of what it returns are files, beside standard output. */
export function summaryOf(name: string): (data: SummaryData) => Record<string, string> {
  return (data) => {
    const report = __ENV["REPORT"];
    const text = formatSummary(name, data);
    if (report === undefined) return { stdout: text };
    return { stdout: text, [`${report}.txt`]: text, [`${report}.json`]: `${JSON.stringify(data, undefined, 2)}\n` };
  };
}

export function formatSummary(name: string, data: SummaryData): string {
  const metrics = Object.entries(data.metrics).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const width = Math.max(...metrics.map(([metric]) => metric.length));
  const lines = [`${name}, ${(data.state.testRunDurationMs / 1000).toFixed(1)} s`, ""];
  for (const [metric, { contains, values }] of metrics) {
    const cells = Object.entries(values).map(([key, value]) => `${key}=${formatValue(key, contains, value)}`);
    lines.push(`${metric.padEnd(width)}  ${cells.join("  ")}`);
  }
  lines.push("");
  for (const [metric, { thresholds = {} }] of metrics) {
    for (const [threshold, { ok }] of Object.entries(thresholds)) {
      lines.push(`${ok ? "✓" : "✗"} ${metric}: ${threshold}`);
    }
  }
  return `\n${lines.join("\n")}\n`;
}

function formatValue(key: string, contains: string, value: number): string {
  if (key === "rate") return value <= 1 ? value.toFixed(4) : `${value.toFixed(1)}/s`;
  if (contains === "time") return `${value.toFixed(2)}ms`;
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}
