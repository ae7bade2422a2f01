/** One watch request, from its head to its end. */
import type { Clock } from "#src/process/clock.ts";
import { LineSplitter } from "./line-splitter.ts";
import type { KubeKind } from "./object.ts";
import { describeReply, type KubeClient, type KubeReply, type KubeStream } from "./request.ts";
import { parseWatchEvent, type WatchEvent } from "./watch-event.ts";
import { STEADY_MS, type StreamEnd } from "./watch-step.ts";

export interface WatchStreamOptions {
  readonly client: KubeClient;
  readonly kind: KubeKind;
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly resourceVersion: string;
  /** After which the server ends the stream. */
  readonly timeoutSeconds: number;
  readonly maxLineBytes: number;
  /** A server with bookmarks sends one about every minute: a stream without anything for longer is dead. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly onOpen: () => void;
  /** It has lived long enough to be taken for a good one (STEADY_MS). */
  readonly onSteady: () => void;
  readonly onEvent: (event: Exclude<WatchEvent, { readonly type: "ERROR" }>) => void;
}

/** A server that is well sends the head at once. */
const HEAD_TIMEOUT_MS = 10_000;
/** Ends within that of the time asked for count as the server's own. */
const PLANNED_MARGIN_MS = 10_000;

export async function followStream(options: WatchStreamOptions): Promise<StreamEnd> {
  const { client, path, query, resourceVersion, timeoutSeconds, signal, clock } = options;
  const reply = await client.stream({
    method: "GET",
    path,
    query: { ...query, watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds },
    timeoutMs: HEAD_TIMEOUT_MS,
    signal,
  });
  if (!("chunks" in reply)) return refusal(reply);
  const openedAt = clock.now();
  options.onOpen();
  const steady = setTimeout(options.onSteady, STEADY_MS);
  const reader = new StreamReader(reply, options);
  const end = await reader.read();
  clearTimeout(steady);
  const livedMs = clock.now() - openedAt;
  const isPlanned = end.reason === "closed" && livedMs >= timeoutSeconds * 1000 - PLANNED_MARGIN_MS;
  return { ...end, ...(isPlanned && { reason: "planned" }), progressed: reader.progressed, livedMs };
}

type Ending = Pick<StreamEnd, "detail" | "reason">;

function refusal(reply: KubeReply): StreamEnd {
  const common = { detail: describeReply(reply), progressed: false, livedMs: 0 };
  if (reply.status === undefined) return { ...common, reason: "unavailable" };
  const { status, retryAfterMs } = reply;
  if (status === 410 || status === 400) return { ...common, reason: "expired" };
  if (status === 404) return { ...common, reason: "absent" };
  return { ...common, reason: status === 429 || status >= 500 ? "unavailable" : "refused", retryAfterMs };
}

class StreamReader {
  readonly #stream: KubeStream;
  readonly #options: WatchStreamOptions;
  readonly #lines: LineSplitter;
  readonly #silence: NodeJS.Timeout;
  #isSilent = false;
  progressed = false;

  constructor(stream: KubeStream, options: WatchStreamOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#lines = new LineSplitter(options.maxLineBytes);
    this.#silence = setTimeout(() => {
      this.#isSilent = true;
      stream.close();
    }, options.silenceMs);
  }

  async read(): Promise<Ending> {
    let end: Ending = { reason: "closed", detail: "the server ended the watch" };
    try {
      for await (const chunk of this.#stream.chunks) {
        this.#silence.refresh();
        const ending = this.#take(chunk);
        if (ending === undefined) continue;
        end = ending;
        break;
      }
    } catch (error) {
      end = { reason: "cut", detail: error instanceof Error ? error.message : String(error) };
    } finally {
      clearTimeout(this.#silence);
      this.#stream.close();
    }
    return this.#isSilent ? { reason: "silent", detail: `nothing for ${this.#options.silenceMs} ms` } : end;
  }

  /** An ending when the stream cannot go on. */
  #take(chunk: Buffer): Ending | undefined {
    const { kind, maxLineBytes, onEvent } = this.#options;
    const lines = this.#lines.push(chunk);
    for (const line of lines ?? []) {
      const event = parseWatchEvent(line, kind);
      if (event === undefined) return { reason: "unreadable", detail: `not an event: ${line.slice(0, 200)}` };
      if (event.type === "ERROR")
        return { reason: event.code === 410 ? "expired" : "closed", detail: `${event.code} ${event.reason}` };
      this.progressed = true;
      onEvent(event);
    }
    return lines === undefined
      ? { reason: "unreadable", detail: `a line of more than ${maxLineBytes} bytes` }
      : undefined;
  }
}
