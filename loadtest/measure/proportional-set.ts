/** User-space memory of a process tree. */
import { readFileSync } from "node:fs";
import { readProcesses, treeOf } from "./process-table.ts";

/** Bytes of the tree's proportional set: shared pages count once in all (proc(5), smaps_rollup). */
export function readTreePss(root: number): number {
  return treeOf(root, readProcesses()).reduce(
    (sum, { pid }) => sum + parsePss(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")),
    0,
  );
}

export function parsePss(text: string): number {
  const found = /^Pss:\s+(\d+) kB$/m.exec(text)?.[1];
  if (found === undefined) throw new Error("Cannot read a process's proportional set: smaps_rollup has none");
  return Number(found) * 1024;
}

export interface Point {
  readonly count: number;
  readonly bytes: number;
}

/** What one more costs, between two points. */
export function slopeOf(first: Point, last: Point): number {
  return (last.bytes - first.bytes) / (last.count - first.count);
}
