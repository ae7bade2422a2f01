/**
 * The edge's cache under requests as they come: most for few keys (Zipf), a few for pages that nobody has asked for
 * before. Every run has keys of its own, so that it starts with a cold cache. Whether the cache answered is read from
 * Cache-Status (RFC 9211), and that the answer is the one for this path from the demo origins' Content-Location.
 */
import { check } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Rate, Trend } from "k6/metrics";
import { loadOptions, numberOf, ORIGIN } from "./target.ts";
import { summaryOf } from "./summary.ts";
import { Zipf } from "./zipf.ts";

const hits = new Rate("edge_hits");
const duration = new Trend("edge_duration", true);

const zipf = new Zipf(numberOf("KEYS"), numberOf("EXPONENT"));
const coldShare = numberOf("COLD");

export const options = loadOptions({
  edge_hits: [`rate>=${numberOf("MIN_HITS")}`],
  // Always kept: they show each kind in the summary.
  "edge_duration{cache:hit}": [`p(95)<=${numberOf("P95_MS")}`],
  "edge_duration{cache:miss}": [`p(95)<=${numberOf("P95_MS")}`],
  "edge_duration{cache:collapsed}": [`p(95)<=${numberOf("P95_MS")}`],
});

export const handleSummary = summaryOf("edge");

/** "collapsed": another request's fetch was under way, and its answer served this one too. */
function kindOf(cacheStatus: string): "hit" | "collapsed" | "miss" {
  if (/; *hit\b/.test(cacheStatus)) return "hit";
  return /; *collapsed\b/.test(cacheStatus) ? "collapsed" : "miss";
}

export function setup(): string {
  return `/load/${Date.now().toString(36)}`;
}

export default function edge(prefix: string): void {
  const isCold = Math.random() < coldShare;
  const key = isCold ? `cold-${exec.scenario.iterationInTest}` : String(zipf.rankOf(Math.random()));
  const path = `${prefix}/${key}`;
  // One name for all keys: each would be a series of its own.
  const response = http.get(`${ORIGIN}${path}`, { tags: { name: isCold ? "cold" : "zipf" } });
  const status = response.headers["Cache-Status"] ?? "";
  const isHit = kindOf(status) === "hit";
  hits.add(isHit);
  duration.add(response.timings.duration, { cache: kindOf(status) });
  const location = response.headers["Content-Location"];
  check(response, {
    "status is 200": ({ status: code }) => code === 200,
    "Cache-Status is there": () => status !== "",
    "the answer is the one for this path": () => location === undefined || location === path,
    "nobody has asked before for a cold page": () => !(isCold && isHit),
  });
}
