/** What a client may cost: sizes in bytes, times in milliseconds. Every limit ends in an answer or a closed connection. */
export interface HttpLimits {
  /** Request line and fields of one head, or the trailers of one body. More answers 431 (414 when the target alone is longer). */
  readonly headBytes: number;
  /** Fields of one head; at most MAX_FIELDS. More answers 431. */
  readonly fields: number;
  /** Body of one request, 0 for no limit. More answers 413. */
  readonly bodyBytes: number;
  /** Unread rest of a body that is read and dropped so that the connection can be kept; with more to come it is closed. */
  readonly discardBytes: number;
  /** Requests on one connection, after which it is closed in an orderly way. 0 for no limit. */
  readonly requestsPerConnection: number;
  /** From the connection's start, or a head's first byte, to the head's end. */
  readonly headMs: number;
  /** From a response's end to the next request's first byte. */
  readonly idleMs: number;
  /** Between two pieces of a request's body. */
  readonly bodyMs: number;
  /** Without any progress of queued output. */
  readonly writeMs: number;
  /** HTTP/2: streams open at once on one connection (SETTINGS_MAX_CONCURRENT_STREAMS). */
  readonly concurrentStreams: number;
}

export const DEFAULT_LIMITS: HttpLimits = {
  headBytes: 32 * 1024,
  fields: 128,
  bodyBytes: 0,
  discardBytes: 64 * 1024,
  requestsPerConnection: 0,
  headMs: 15_000,
  idleMs: 75_000,
  bodyMs: 30_000,
  writeMs: 30_000,
  concurrentStreams: 128,
};
