/**
 * What a backend is told about the client: X-Forwarded-For, -Proto and -Host, and Via (RFC 9110 section 7.6.3). One object
 * for all requests of a process; a kept connection costs no allocation after its first request.
 */
import type { Address } from "#src/net/address.ts";
import type { Exchange } from "#src/http/exchange.ts";
import { FIELD, type FieldName } from "#src/http/field.ts";
import { FieldEdits, type AddedField } from "#src/http/field-edits.ts";
import type { Message } from "#src/http/message.ts";
import { sameBytes } from "./byte-map.ts";

const field = (name: FieldName, value: string): AddedField => ({
  id: FIELD[name],
  name: Buffer.from(name),
  value: Buffer.from(value, "latin1"),
});

const HTTP = field("x-forwarded-proto", "http");
const HTTPS = field("x-forwarded-proto", "https");
/** The version is that of the message received. */
const VIA_10 = field("via", "1.0 fairway");
const VIA_11 = field("via", "1.1 fairway");
const VIA_20 = field("via", "2.0 fairway");

/** What a response from a backend gets. */
export const RESPONSE_EDITS: FieldEdits = new FieldEdits();
RESPONSE_EDITS.addBytes(VIA_11);

export class ForwardedFields {
  /** Connections keep their address object, so that its field is made once a connection. */
  readonly #clients = new WeakMap<Address, AddedField>();
  /** The last host: most requests that follow each other name the same. */
  #host = field("x-forwarded-host", "");

  /** Adds the fields for this request to `edits`. */
  fill(exchange: Exchange, edits: FieldEdits): void {
    const { request } = exchange;
    edits.removeId(FIELD["x-forwarded-for"]);
    edits.addBytes(this.#forwardedFor(exchange.client, request));
    edits.removeId(FIELD["x-forwarded-proto"]);
    edits.addBytes(request.secure ? HTTPS : HTTP);
    edits.removeId(FIELD["x-forwarded-host"]);
    if (request.authorityEnd > request.authorityStart) edits.addBytes(this.#forwardedHost(request));
    edits.addBytes(request.version === 20 ? VIA_20 : request.version === 10 ? VIA_10 : VIA_11);
  }

  #forwardedFor(client: Address, request: Message): AddedField {
    if (request.hasField(FIELD["x-forwarded-for"])) return appended(client, request);
    let own = this.#clients.get(client);
    if (own === undefined) {
      own = field("x-forwarded-for", client.host);
      this.#clients.set(client, own);
    }
    return own;
  }

  #forwardedHost(request: Message): AddedField {
    const { bytes, authorityStart, authorityEnd } = request;
    if (!sameBytes(this.#host.value, bytes, authorityStart, authorityEnd)) {
      this.#host = field("x-forwarded-host", request.text(authorityStart, authorityEnd));
    }
    return this.#host;
  }
}

/** One line, because many backends read only one. */
function appended(client: Address, request: Message): AddedField {
  const id = FIELD["x-forwarded-for"];
  let value = "";
  for (let i = request.find(id); i >= 0; i = request.find(id, i + 1)) {
    const text = request.value(i);
    if (text !== "") value += `${text}, `;
  }
  return field("x-forwarded-for", value + client.host);
}
