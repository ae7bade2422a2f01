/** One question to one endpoint: is it alive? Never throws. */
export interface ProbeTarget {
  /** IP address. */
  readonly address: string;
  readonly port: number;
  readonly type: "tcp" | "http";
  /** HTTP only: origin-form target. */
  readonly path: string;
  readonly timeoutMs: number;
}

/** "ok", or why not: a metric label. */
export type ProbeResult = "ok" | "refused" | "timeout" | "badStatus" | "failed";
