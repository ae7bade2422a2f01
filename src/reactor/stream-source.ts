import type { Address } from "#src/net/address.ts";

/** Who made the stream, and counts it. */
export interface StreamSource {
  /** The address that its streams were reached at, unless it differs from stream to stream. */
  readonly sharedLocal: Address | undefined;
  onStreamGone(): void;
}
