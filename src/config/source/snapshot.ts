import type { Resource } from "#src/resource/resource.ts";

/** What a source holds at one moment. */
export interface Snapshot {
  /** Valid objects, in order of files and lines; of one that is not valid any more its previous version. */
  readonly objects: readonly SourceObject[];
  /** All that is wrong now, in the same order. */
  readonly faults: readonly SourceFault[];
}

export interface SourceObject {
  readonly resource: Resource;
  readonly file: string;
  /** Of the object's beginning, from 1. */
  readonly line: number;
  /** Line of a field, or of the nearest that is written around it. */
  readonly lineOf: (path: readonly (string | number)[]) => number;
}

export interface SourceFault {
  readonly file: string;
  /** From 1; 0 when the fault is about the file as a whole. */
  readonly line: number;
  /** `spec.rules[0].matches`, "" for the whole document. */
  readonly path: string;
  readonly reason: string;
}

/** `config/shop.yaml:12: spec.rules[0]: unknown field`. */
export function formatFault({ file, line, path, reason }: SourceFault): string {
  return [line === 0 ? file : `${file}:${line}`, path, reason].filter((part) => part !== "").join(": ");
}
