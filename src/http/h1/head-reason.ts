/**
 * Why a head is refused. The number is what parsers return (negated), the word is the metric label and what tests expect,
 * the status is what a client is answered (RFC 9112 section 2.2, RFC 9110 section 15.5); an upstream's bad head is 502.
 */
import { numbered } from "../numbered.ts";

export const HEAD_REASONS = [
  "none",
  "badMethod",
  "badTarget",
  "targetTooLong",
  "badVersion",
  "unsupportedVersion",
  "badLineEnd",
  "badStatusLine",
  "badFieldName",
  "spaceBeforeColon",
  "foldedField",
  "badFieldValue",
  "headTooLarge",
  "tooManyFields",
  "noHost",
  "manyHosts",
  "badHost",
  "badContentLength",
  "manyContentLengths",
  "badTransferCoding",
  "unsupportedTransferCoding",
  "codingAndLength",
  "codingInHttp10",
  "unexpectedBody",
  "badExpectation",
  "badTrailer",
] as const;

export type HeadReason = (typeof HEAD_REASONS)[number];

/** Word to number: parsers return `-REASON.badHost`. */
export const REASON = numbered(HEAD_REASONS);

const OTHER_STATUS: Partial<Record<HeadReason, number>> = {
  targetTooLong: 414,
  badExpectation: 417,
  headTooLarge: 431,
  tooManyFields: 431,
  unsupportedTransferCoding: 501,
  unsupportedVersion: 505,
};

/** The word for a parser's negative result. */
export function headReason(result: number): HeadReason {
  return HEAD_REASONS[-result] ?? "none";
}

export function statusOfReason(reason: HeadReason): number {
  return OTHER_STATUS[reason] ?? 400;
}
