/** The new path of a redirect or a rewrite (Gateway API, HTTPPathModifier). The query stays what it was. */
import type { PathModifier } from "#src/config/model.ts";
import type { Message } from "#src/http/message.ts";
import { withoutFinalSlash } from "./path-table.ts";

const SLASH = 0x2f;
const ROOT: Uint8Array = Buffer.from("/");

export interface CompiledPath {
  /** Bytes of the request's path that are replaced; -1: all of them. */
  readonly replaced: number;
  /** What stands in front of the rest of the path. */
  readonly front: Uint8Array;
  /** The whole path when nothing is left of the request's. */
  readonly whole: Uint8Array;
}

/** `matched` is the value of the match that chose the rule. */
export function compilePath(modifier: PathModifier, matched: string): CompiledPath {
  const whole = modifier.value === "" ? ROOT : Buffer.from(modifier.value);
  if (modifier.type === "ReplaceFullPath") return { replaced: -1, front: whole, whole };
  const front = Buffer.from(withoutFinalSlash(modifier.value));
  return { replaced: Buffer.byteLength(withoutFinalSlash(matched), "latin1"), front, whole };
}

/** Path and query as they become. Undefined: the target is no path (OPTIONS *) and stays. */
export function modifiedTarget(path: CompiledPath, request: Message): Uint8Array | undefined {
  const { bytes, targetStart, pathEnd, targetEnd } = request;
  if (bytes[targetStart] !== SLASH || targetStart === targetEnd) return undefined;
  const restStart = path.replaced < 0 ? pathEnd : Math.min(pathEnd, targetStart + path.replaced);
  const front = restStart === pathEnd ? path.whole : path.front;
  const target = new Uint8Array(front.length + targetEnd - restStart);
  target.set(front);
  target.set(bytes.subarray(restStart, targetEnd), front.length);
  return target;
}
