/**
 * Metrics are declared once, with the whole set of their series, so that every series is a number fixed at start: a slot
 * of the process's row in shared memory. Counting is then one plain addition; the main adds the rows up when asked.
 */
import type { Entry } from "#src/config/model.ts";

/** A label whose values are all known when the program is written. */
interface ClosedDimension {
  readonly label: string;
  readonly values: readonly string[];
}

/**
 * Labels whose values come from the configuration, as tuples (`[gateway, route, backend]`): the first `cap` in the
 * configuration's order have series of their own, all others share `other`.
 */
export interface CappedDimension {
  readonly labels: readonly string[];
  readonly cap: number;
  /** The tuples that an entry brings. */
  readonly tuples: (entry: Entry) => readonly (readonly string[])[];
  /** Tuples that no entry brings and that have series of their own all the same, above the cap. */
  readonly always?: readonly (readonly string[])[];
}

export type Dimension = ClosedDimension | CappedDimension;

export interface CounterDeclaration {
  readonly type: "counter";
  /** Ends in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly dimensions: readonly Dimension[];
}

export interface GaugeDeclaration {
  readonly type: "gauge";
  readonly name: string;
  readonly help: string;
  readonly dimensions: readonly Dimension[];
  /** One series per process, with a label `process` (`main`, `0`, `1`, ...), instead of their sum. */
  readonly perProcess?: boolean;
}

export interface HistogramDeclaration {
  readonly type: "histogram";
  /** Ends in its base unit: `_seconds`, `_bytes`. */
  readonly name: string;
  readonly help: string;
  readonly dimensions: readonly Dimension[];
  /** Upper bounds in ascending order, without +Inf. */
  readonly buckets: readonly number[];
}

export type MetricDeclaration = CounterDeclaration | GaugeDeclaration | HistogramDeclaration;

export type MetricDeclarations = Readonly<Record<string, MetricDeclaration>>;

/** Hot: one addition. `series` comes from `seriesOf` (at start or when configuration is compiled), or 0 without dimensions. */
export interface Counter {
  add(series: number, amount: number): void;
  /**
   * One value (closed) or tuple (capped) per dimension, in their order, to the series' number; an unknown tuple is the
   * number of `other`. Throws on a value that a closed dimension does not have.
   */
  seriesOf(...values: readonly (string | readonly string[])[]): number;
  /** How much one step of dimension i's index is worth in a series number: for hot paths that compute it. */
  readonly strides: readonly number[];
}

/** Summed over processes, like a counter; cleared when a process dies. */
export interface Gauge extends Counter {
  set(series: number, value: number): void;
}

export interface Histogram {
  /** Counts `value` once, or as often as `times` says. */
  observe(series: number, value: number, times?: number): void;
  seriesOf(...values: readonly (string | readonly string[])[]): number;
  readonly strides: readonly number[];
}

export type MetricHandles<M extends MetricDeclarations> = {
  readonly [K in keyof M]: M[K] extends CounterDeclaration
    ? Counter
    : M[K] extends GaugeDeclaration
      ? Gauge
      : Histogram;
};

export function counter(name: string, help: string, ...dimensions: readonly Dimension[]): CounterDeclaration {
  return { type: "counter", name, help, dimensions };
}

export function gauge(name: string, help: string, ...dimensions: readonly Dimension[]): GaugeDeclaration {
  return { type: "gauge", name, help, dimensions };
}

export function histogram(
  name: string,
  help: string,
  buckets: readonly number[],
  ...dimensions: readonly Dimension[]
): HistogramDeclaration {
  return { type: "histogram", name, help, dimensions, buckets };
}

/** A quarter of a millisecond to ten seconds: what a request or a query takes. */
export const DURATION_SECONDS: readonly number[] = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
