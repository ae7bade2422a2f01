/**
 * A WebSocket's extended CONNECT (RFC 8441 section 5) told in HTTP/1.1's words, so that whatever is behind the parser
 * knows one kind of upgrade: a GET with an Upgrade field and a key, for which the backend owes the matching accept value.
 * Routes and filters therefore see GET, as they do for an HTTP/1.1 client, and a backend gets what it would get from one.
 */
import { createHash, randomBytes } from "node:crypto";
import { FIELD, type FieldName } from "../field.ts";
import type { FieldEdits } from "../field-edits.ts";
import { equalsIgnoreCase } from "../h1/character.ts";
import { BODY, type Message } from "../message.ts";
import { METHOD } from "../method.ts";
import type { FieldSection } from "./field-section.ts";
import { STATIC_RANGES } from "./hpack/static-table.ts";

const encoder = new TextEncoder();

const WEBSOCKET = encoder.encode("websocket");
/** Where the static table, and so every section's arena, has `GET` (index 2 of RFC 7541 appendix A). */
const GET_START = STATIC_RANGES[2 * 3 + 1]!;
const GET_END = STATIC_RANGES[2 * 3 + 2]!;
/** RFC 6455 section 1.3. */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Whether :protocol names the WebSocket protocol; upgrade tokens have no case (RFC 9110 section 7.8). */
export function isWebSocket({ arena, protocolStart, protocolEnd }: FieldSection): boolean {
  return equalsIgnoreCase(arena, protocolStart, protocolEnd, WEBSOCKET);
}

/** A nonce for a Sec-WebSocket-Key (RFC 6455 section 4.1); the client of an extended CONNECT has none. */
export const createKey = (): string => randomBytes(16).toString("base64");

/** Makes the section's message the HTTP/1.1 upgrade that says the same. There is room for two fields more than are allowed. */
export function showAsUpgrade(section: FieldSection, key: string): void {
  const { message } = section;
  message.method = METHOD.GET;
  message.methodStart = GET_START;
  message.methodEnd = GET_END;
  message.body = BODY.none;
  message.contentLength = -1;
  message.expectContinue = false;
  message.upgrade = true;
  addField(section, "upgrade", section.protocolStart, section.protocolEnd);
  const start = section.end;
  addField(section, "sec-websocket-key", start, section.append(encoder.encode(key)));
}

function addField(section: FieldSection, name: FieldName, valueStart: number, valueEnd: number): void {
  const start = section.end;
  section.message.addField(FIELD[name], start, section.append(encoder.encode(name)), valueStart, valueEnd);
}

/** What a client of RFC 6455 section 4.1 must refuse in a 101, for the log; undefined when the handshake is good. */
export function handshakeFault(head: Message, key: string): string | undefined {
  if (head.status !== 101) return "not a 101";
  const upgrade = head.find(FIELD.upgrade);
  if (upgrade < 0 || head.value(upgrade).toLowerCase() !== "websocket") return "the 101 is for another protocol";
  const accept = head.find(FIELD["sec-websocket-accept"]);
  if (accept < 0 || head.value(accept) !== acceptOf(key)) return "the 101 has a wrong Sec-WebSocket-Accept";
  return undefined;
}

/**
 * `changes` become `edits` and what makes a 200 of the backend's 101: no accept value (RFC 8441 section 5), no length
 * (RFC 9110 section 9.3.6). Both may be the same object.
 */
export function grantEdits(edits: FieldEdits | undefined, changes: FieldEdits): FieldEdits {
  if (edits !== changes) {
    changes.clear();
    if (edits !== undefined) changes.merge(edits);
  }
  changes.status = 200;
  changes.removeId(FIELD["sec-websocket-accept"]);
  changes.removeId(FIELD["content-length"]);
  return changes;
}

/** The Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2). */
export function acceptOf(key: string): string {
  return createHash("sha1")
    .update(key + ACCEPT_SUFFIX)
    .digest("base64");
}
