import { numbered } from "./numbered.ts";

/** Request methods as small numbers; OTHER is any other token, whose bytes stay in the Message's arena. */
export const METHODS = [
  "OTHER",
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
  "PURGE",
] as const;

export type MethodName = (typeof METHODS)[number];

export const METHOD = numbered(METHODS);
