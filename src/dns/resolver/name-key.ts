/**
 * Names as the resolver's slow path keys its maps: the lower-case wire form (length octets included) as a Latin-1
 * string (`nameKey` of dns/wire), so that equality is `===` and no escaping is ever needed. `"\0"` is the root.
 */

export const ROOT = "\0";

/** The name without its first label; the root's parent is the root. */
export function parentOf(name: string): string {
  const length = name.charCodeAt(0);
  return length === 0 ? ROOT : name.slice(length + 1);
}

/** Whether `name` equals `ancestor` or lies below it, on label boundaries. */
export function isAtOrBelow(name: string, ancestor: string): boolean {
  let at = 0;
  while (name.length - at > ancestor.length) at += name.charCodeAt(at) + 1;
  return name.length - at === ancestor.length && name.endsWith(ancestor);
}

export function labelCount(name: string): number {
  let count = 0;
  for (let at = 0; name.charCodeAt(at) !== 0; at += name.charCodeAt(at) + 1) count++;
  return count;
}

export function fromNameKey(name: string): Uint8Array {
  return Buffer.from(name, "latin1");
}
