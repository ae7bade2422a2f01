/** Objects of which every byte can be checked: chunk words are next, owner, key, version, length in words, and a pattern of the three. */
import type { Segment } from "#src/memory/segment.ts";

export const SLOT_COUNT = 64;
const HEAD_WORDS = 5;

const patternOf = (key: number, version: number, i: number): number => (Math.imul(key + 1, 0x9e3779b1) ^ Math.imul(version + i, 0x85ebca6b)) | 0;

/** Fills chunks with room for `bytes` each and chains them. */
export function fillObject(segment: Segment, units: readonly number[], key: number, version: number, bytes: number): void {
  for (const [index, unit] of units.entries()) {
    const words = segment.wordsOf(unit);
    const at = segment.wordOf(unit);
    const length = (bytes >> 2) - HEAD_WORDS;
    words[at] = units[index + 1] ?? 0;
    words[at + 2] = key;
    words[at + 3] = version;
    words[at + 4] = length;
    for (let i = 0; i < length; i++) words[at + HEAD_WORDS + i] = patternOf(key, version, i);
  }
}

/** Whether every chunk from `unit` on belongs to `key` and to one version, and holds its pattern. */
export function isWhole(segment: Segment, unit: number, key: number): boolean {
  const version = segment.wordsOf(unit)[segment.wordOf(unit) + 3]!;
  for (let chunk = unit, count = 0; chunk !== 0; count++) {
    const words = segment.wordsOf(chunk);
    const at = segment.wordOf(chunk);
    if (words === undefined || count > 3 || words[at + 2] !== key || words[at + 3] !== version) return false;
    const length = words[at + 4]!;
    if (length < 0 || length > 16384) return false;
    for (let i = 0; i < length; i++) if (words[at + HEAD_WORDS + i] !== patternOf(key, version, i)) return false;
    chunk = words[at]!;
  }
  return true;
}
