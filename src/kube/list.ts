/** A full list of a kind, page by page, all of one moment. */
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { type BackoffPolicy, backoffMs } from "#src/process/backoff.ts";
import { asKubeObject, isRecord, type KubeKind, type KubeObject } from "./object.ts";
import { pause } from "./pause.ts";
import { describeReply, type KubeClient, type KubeFailure, type KubeReply } from "./request.ts";

export interface ListOptions {
  readonly client: KubeClient;
  readonly kind: KubeKind;
  /** See collectionPath. */
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly pageObjects: number;
  readonly maxPageBytes: number;
  /** Between tries of one page. */
  readonly backoff: BackoffPolicy;
  readonly random: () => number;
  /** Takes objects of a page; the list may still fail or start over after it, which `onStart` tells. */
  readonly onPage: (objects: readonly KubeObject[]) => void;
  readonly onStart: () => void;
}

export type ListOutcome =
  /** `resourceVersion`: of the moment that the list shows, where a watch goes on. */
  | { readonly outcome: "listed"; readonly resourceVersion: string }
  /** The server does not know the kind. */
  | { readonly outcome: "absent" }
  | { readonly outcome: "failed"; readonly reason: string; readonly retryAfterMs: number | undefined };

/** Objects that are taken in one turn: decoding one takes up to a millisecond, and the Lease must be renewed meanwhile. */
const PORTION = 50;
const PAGE_TIMEOUT_MS = 60_000;
const TRIES = 3;
/** A list whose versions expired while it was read is begun again, and at last asked for in one piece. */
const MAX_EXPIRIES = 2;
const WHOLE_BYTES = 512 * 1024 * 1024;

export async function listAll(options: ListOptions): Promise<ListOutcome> {
  let limit = options.pageObjects;
  let expiries = 0;
  for (;;) {
    options.onStart();
    const outcome = await listOnce(options, expiries < MAX_EXPIRIES ? limit : 0);
    if (!("again" in outcome)) return outcome;
    const { again, reason } = outcome;
    if (again === "smaller" && limit > 1 && expiries < MAX_EXPIRIES) limit = Math.ceil(limit / 8);
    else if (again === "anew" && expiries < MAX_EXPIRIES) expiries += 1;
    else return { outcome: "failed", reason, retryAfterMs: undefined };
  }
}

/** The list must be begun again: with smaller pages, or because its moment is forgotten. */
type OnceOutcome = ListOutcome | { readonly again: "smaller" | "anew"; readonly reason: string };

/** `limit` 0: all in one answer. */
async function listOnce(options: ListOptions, limit: number): Promise<OnceOutcome> {
  let next: string | undefined;
  for (;;) {
    const reply = await askPage(options, limit, next);
    if (reply.status === undefined) {
      const { failure, reason } = reply;
      return failure === "tooLarge" ? { again: "smaller", reason } : failed(reply);
    }
    if (reply.status === 410) return { again: "anew", reason: describeReply(reply) };
    if (reply.status === 404) return { outcome: "absent" };
    if (reply.status !== 200) return failed(reply);
    const page = readPage(reply.body, options.kind);
    if (page === undefined) return { outcome: "failed", reason: "the answer is not a list", retryAfterMs: undefined };
    for (let at = 0; at < page.objects.length; at += PORTION) {
      options.onPage(page.objects.slice(at, at + PORTION));
      await yieldToOthers();
    }
    if (page.next === "") return { outcome: "listed", resourceVersion: page.resourceVersion };
    next = page.next;
  }
}

function failed(reply: KubeReply): ListOutcome {
  const retryAfterMs = reply.status === undefined ? undefined : reply.retryAfterMs;
  return { outcome: "failed", reason: describeReply(reply), retryAfterMs };
}

/** A page is asked for again before the whole list is. */
async function askPage(options: ListOptions, limit: number, next: string | undefined): Promise<KubeReply> {
  const { client, path, query, signal, backoff, random } = options;
  for (let attempt = 0; ; attempt++) {
    const reply = await client.request({
      method: "GET",
      path,
      query: { ...query, limit: limit === 0 ? undefined : limit, continue: next },
      timeoutMs: PAGE_TIMEOUT_MS,
      maxBytes: limit === 0 ? WHOLE_BYTES : options.maxPageBytes,
      signal,
    });
    if (next === undefined || attempt === TRIES - 1 || !isPassing(reply)) return reply;
    const asked = reply.status === undefined ? undefined : reply.retryAfterMs;
    await pause(asked ?? backoffMs(backoff, attempt, random()), signal);
  }
}

/** Worth the same question again. */
function isPassing(reply: KubeReply | KubeFailure): boolean {
  if (reply.status === undefined) return reply.failure !== "tooLarge" && reply.failure !== "stopped";
  return reply.status === 429 || reply.status >= 500;
}

interface Page {
  readonly objects: readonly KubeObject[];
  readonly resourceVersion: string;
  /** "" on the last. */
  readonly next: string;
}

function readPage(body: unknown, kind: KubeKind): Page | undefined {
  if (!isRecord(body) || !isRecord(body["metadata"])) return undefined;
  const { resourceVersion, continue: next = "" } = body["metadata"];
  // Go writes an empty slice that was never filled as null.
  const items = body["items"] ?? [];
  if (typeof resourceVersion !== "string" || typeof next !== "string" || !Array.isArray(items)) return undefined;
  const objects: KubeObject[] = [];
  for (const item of items) {
    const object = asKubeObject(item, kind);
    if (object === undefined) return undefined;
    objects.push(object);
  }
  return { objects, resourceVersion, next };
}
