/**
 * The routes of the demo's balancer, as a mix: weighted backends, one chosen by a header, a redirect, a host without a
 * route, and uploads that come back. Every answer is checked, and the weights by the share that each backend got.
 */
import { check } from "k6";
import http, { type RefinedResponse, type ResponseType } from "k6/http";
import { Rate } from "k6/metrics";
import { loadOptions, numberOf, ORIGIN } from "./target.ts";
import { summaryOf } from "./summary.ts";

/** Share of requests by weight that may go astray of what the weights say. */
const TOLERANCE = 0.05;
const LARGEST_UPLOAD = 128 * 1024;

const first = new Rate("l7_first_backend");
const share = numberOf("SHARE");

export const options = loadOptions({
  l7_first_backend: [`rate>=${(share - TOLERANCE).toFixed(4)}`, `rate<=${(share + TOLERANCE).toFixed(4)}`],
  // Always kept: they show each kind in the summary.
  ...Object.fromEntries(
    ["weighted", "canary", "redirect", "unrouted", "upload"].map((kind) => [
      `http_req_duration{name:${kind}}`,
      [`p(95)<=${numberOf("P95_MS")}`],
    ]),
  ),
});

export const handleSummary = summaryOf("l7");

const originOf = (response: RefinedResponse<ResponseType>): string => response.headers["X-Origin"] ?? "";

function weighted(): void {
  const response = http.get(`${ORIGIN}/shoes`, { tags: { name: "weighted" } });
  const origin = originOf(response);
  first.add(origin === "a");
  check(response, {
    "weighted: status is 200": ({ status }) => status === 200,
    "weighted: origin a or b answers": ({ body }) =>
      (origin === "a" || origin === "b") && body === `hello from origin ${origin}\n`,
  });
}

function canary(): void {
  const response = http.get(`${ORIGIN}/shoes`, { headers: { "x-canary": "yes" }, tags: { name: "canary" } });
  check(response, {
    "canary: status is 200": ({ status }) => status === 200,
    "canary: origin c answers": () => originOf(response) === "c",
  });
}

function redirect(): void {
  const response = http.get(`${ORIGIN}/old/shoes`, { tags: { name: "redirect" } });
  check(response, {
    "redirect: status is 301": ({ status }) => status === 301,
    "redirect: to the new path": ({ headers }) => headers["Location"]?.endsWith("/new/shoes") === true,
  });
}

function unrouted(): void {
  const response = http.get(`${ORIGIN}/shoes`, {
    headers: { Host: "nobody.demo.test" },
    tags: { name: "unrouted" },
    responseCallback: http.expectedStatuses(404),
  });
  check(response, { "unrouted: status is 404": ({ status }) => status === 404 });
}

function upload(): void {
  const length = 1 + Math.floor(Math.random() * LARGEST_UPLOAD);
  const text = "0123456789abcdef".repeat(Math.ceil(length / 16)).slice(0, length);
  const response = http.post(`${ORIGIN}/upload`, text, {
    headers: { "content-type": "text/plain" },
    tags: { name: "upload" },
  });
  check(response, {
    "upload: status is 200": ({ status }) => status === 200,
    "upload: it comes back as it was": ({ body }) => body === text,
  });
}

/** Each kind of request, and up to which random number it is chosen. */
const MIX: readonly (readonly [number, () => void])[] = [
  [0.6, weighted],
  [0.75, canary],
  [0.85, redirect],
  [0.9, unrouted],
  [1, upload],
];

export default function l7(): void {
  const random = Math.random();
  for (const [below, ask] of MIX) if (random < below) return ask();
}
