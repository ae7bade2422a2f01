import assert from "node:assert/strict";
import { test } from "node:test";
import { Threshold } from "./threshold.ts";

/** Results as `+` and `-`, transitions as `u`, `d` and `.` */
const run = (policy: { rise: number; fall: number }, results: string): string => {
  const threshold = new Threshold(policy);
  return [...results]
    .map((each) => ({ up: "u", down: "d", none: "." })[threshold.record(each === "+") ?? "none"])
    .join("");
};

const CASES = [
  { rise: 2, fall: 3, results: "+++", transitions: "..." },
  { rise: 2, fall: 3, results: "--+--", transitions: "....." },
  { rise: 2, fall: 3, results: "---", transitions: "..d" },
  { rise: 2, fall: 3, results: "---+-++", transitions: "..d...u" },
  { rise: 1, fall: 1, results: "-+-+", transitions: "dudu" },
  { rise: 2, fall: 3, results: "------", transitions: "..d..." },
];

for (const { rise, fall, results, transitions } of CASES) {
  test(`rise ${rise}, fall ${fall}: ${results}`, () => assert.equal(run({ rise, fall }, results), transitions));
}
