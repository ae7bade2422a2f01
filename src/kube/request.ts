/** What is asked of an API server and what comes of it: values only, failures too. */
import { isRecord } from "./object.ts";

export interface KubeRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Without the server: `/apis/...`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON under its media type. */
  readonly body?: { readonly type: string; readonly value: unknown };
  /** For the whole of it: credentials, connection, answer. A stream: until its head. Default 30,000. */
  readonly timeoutMs?: number;
  /** Of the answer. Default 64 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/** Why there is no answer. */
type FailureReason = "credentials" | "unreachable" | "cut" | "timeout" | "stopped" | "tooLarge" | "malformed";

/** No answer came, or none that could be read. */
export interface KubeFailure {
  readonly status: undefined;
  readonly failure: FailureReason;
  readonly reason: string;
}

export interface KubeAnswer {
  readonly status: number;
  /** Parsed, when it is JSON; else its text. */
  readonly body: unknown;
  /** What the Retry-After field asks for (RFC 9110 section 10.2.3). */
  readonly retryAfterMs: number | undefined;
}

export type KubeReply = KubeAnswer | KubeFailure;

/** An answer (status 200) that goes on. Reading it ends, or throws, when it ends. */
export interface KubeStream {
  readonly status: 200;
  readonly chunks: AsyncIterable<Buffer>;
  /** Ends it; who reads sees an end or an error. */
  close(): void;
}

/** An API server, with credentials. */
export interface KubeClient extends Disposable {
  /** Its URL. */
  readonly server: string;
  /** That of the service account, or of the kubeconfig's context. */
  readonly namespace: string;
  /** Never rejects. */
  request(request: KubeRequest): Promise<KubeReply>;
  /** Resolves when the head of the answer is there. Never rejects. */
  stream(request: KubeRequest): Promise<KubeStream | KubeReply>;
}

/** What a reply says, for people: the message of a Status object (metav1.Status), or what else there is. */
export function describeReply(reply: KubeReply): string {
  if (reply.status === undefined) return reply.reason;
  const { status, body } = reply;
  const message = isRecord(body) && typeof body["message"] === "string" ? body["message"] : undefined;
  const text = message ?? (typeof body === "string" ? body.trim() : "");
  return text === "" ? `status ${status}` : `status ${status}: ${text.slice(0, 1000)}`;
}
