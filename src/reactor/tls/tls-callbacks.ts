/**
 * What OpenSSL asks in the middle of a server's handshake. The certificate is chosen in the client-hello callback and not
 * in the server-name one, which runs after a session has been resumed: a ticket from a name without client certificates
 * would be good at a name that demands them.
 */
import { copyNative, writeNative } from "../binding.ts";
import { Slab } from "../slab.ts";
import { algorithmsOf, ANY_ALGORITHM, serverNameOf } from "./client-hello.ts";
import {
  ALERT_UNRECOGNIZED_NAME,
  ALPN_ALERT_FATAL,
  ALPN_NOACK,
  ALPN_OK,
  CLIENT_HELLO_ERROR,
  CLIENT_HELLO_SUCCESS,
  EXTENSION_SERVER_NAME,
  EXTENSION_SIGNATURE_ALGORITHMS,
  openssl,
} from "./openssl.ts";
import type { Tls } from "./tls.ts";

/** Sets certificate, session context and client-certificate policy of the connection together. Must not throw. */
export function chooseCertificate(tls: Tls, ssl: bigint, alert: bigint): number {
  const stream = tls.current;
  const server = stream?.server;
  if (stream === undefined || server === undefined) return CLIENT_HELLO_ERROR;
  try {
    const nameExtension = extensionOf(tls, ssl, EXTENSION_SERVER_NAME);
    const name = nameExtension === undefined ? "" : serverNameOf(nameExtension);
    const algorithms = extensionOf(tls, ssl, EXTENSION_SIGNATURE_ALGORITHMS);
    const identity =
      name === undefined
        ? undefined
        : server.certificates.select(name, algorithms === undefined ? ANY_ALGORITHM : algorithmsOf(algorithms));
    if (name === undefined || identity === undefined || !identity.useFor(ssl)) {
      stream.failure = name === undefined ? "malformed server name" : `no certificate for "${name}"`;
      writeNative(alert, Uint8Array.of(ALERT_UNRECOGNIZED_NAME, 0, 0, 0));
      return CLIENT_HELLO_ERROR;
    }
    stream.serverName = name;
    return CLIENT_HELLO_SUCCESS;
  } catch (error) {
    stream.failure = `certificate store: ${error instanceof Error ? error.message : String(error)}`;
    return CLIENT_HELLO_ERROR;
  }
}

/** An extension's bytes, as the client sent them. */
function extensionOf(tls: Tls, ssl: bigint, type: bigint): Uint8Array | undefined {
  const { scratch } = tls;
  if (openssl.SSL_client_hello_get0_ext(ssl, type, scratch.pointer, scratch.at(8)) !== 1) return undefined;
  const length = Number(scratch.view.getBigUint64(8, true));
  return length === 0 ? new Uint8Array(0) : copyNative(scratch.view.getBigUint64(0, true), length);
}

/** RFC 7301: the first of the server's protocols that the client offers. */
export function chooseAlpn(tls: Tls, out: bigint, outLength: bigint, offered: bigint, length: number): number {
  const server = tls.current?.server;
  if (server === undefined || server.alpn.length === 0) return ALPN_NOACK;
  const bytes = copyNative(offered, length);
  for (const protocol of server.alpn) {
    if (!offers(bytes, protocol.bytes)) continue;
    const pointer = new DataView(new ArrayBuffer(8));
    pointer.setBigUint64(0, protocol.pointer, true);
    writeNative(out, new Uint8Array(pointer.buffer));
    writeNative(outLength, Uint8Array.of(protocol.length));
    return ALPN_OK;
  }
  return ALPN_ALERT_FATAL;
}

/** Whether a protocol name list holds `name`; each name has its length in front. */
function offers(list: Uint8Array, name: Uint8Array): boolean {
  for (let at = 0; at < list.length; at += list[at]! + 1) {
    if (list[at] !== name.length || at + 1 + name.length > list.length) continue;
    let i = 0;
    while (i < name.length && list[at + 1 + i] === name[i]) i++;
    if (i === name.length) return true;
  }
  return false;
}

/** Protocol names as slabs: OpenSSL keeps the pointer that ALPN's callback gives it. */
export function alpnSlabs(names: readonly string[]): readonly Slab[] {
  return names.map((name) => new Slab(new TextEncoder().encode(name)));
}
