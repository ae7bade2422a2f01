import { hash } from "node:crypto";

const LONGEST = 63;

/**
 * A name that a Service may have (RFC 1035 section 2.3.1): at most 63 characters, begins with a letter. One that has to be
 * changed for it gets a hash of what it was at its end, so that no two become one.
 */
export function objectName(text: string): string {
  if (/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(text) && text.length <= LONGEST) return text;
  const digest = hash("sha256", text).slice(0, 8);
  const plain = text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const lettered = /^[a-z]/.test(plain) ? plain : `x-${plain}`;
  return `${lettered.slice(0, LONGEST - digest.length - 1).replace(/-+$/, "")}-${digest}`;
}

/** A label's value may be no longer than a name, and has its characters: else it is shortened in the same way. */
export function labelValue(text: string): string {
  if (/^([A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?)?$/.test(text) && text.length <= LONGEST) return text;
  return objectName(text);
}
