/** One real request over HTTP/1.1 on a connection of its own, with the time of each step, for `fairway explain`. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect as connectTcp, type Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, type TLSSocket } from "node:tls";
import type { AskedRequest } from "#src/plane/asked-request.ts";

export interface SeenTls {
  readonly ms: number;
  /** "" when none is sent: the URL's host is an address (RFC 6066 section 3). */
  readonly serverName: string;
  readonly version: string;
  readonly alpn: string;
  readonly subject: string;
  readonly names: string;
  readonly expires: string;
  readonly expired: boolean;
  /** Why the certificate is not for the URL's host, "" when it is. */
  readonly mismatch: string;
  /** Why this machine would not trust it, "" when it would. */
  readonly untrusted: string;
}

/** What was reached of: connection, TLS, head, end. Milliseconds, each from the end of the step before. */
export interface Sent {
  readonly address: string;
  readonly connectMs?: number;
  readonly tls?: SeenTls;
  readonly headMs?: number;
  readonly endMs?: number;
  readonly status?: number;
  /** Values of one name joined with commas; names in lower case. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly bytes?: number;
  /** The step that failed, and why. */
  readonly failed?: { readonly step: "connect" | "tls" | "response"; readonly reason: string };
}

/** Asks the port of `asked` at the IP address; never rejects. */
export async function sendOnce(asked: AskedRequest, address: string, timeoutMs: number): Promise<Sent> {
  const signal = AbortSignal.timeout(timeoutMs);
  let sent: Sent = { address };
  let step: "connect" | "tls" | "response" = "connect";
  let socket: Socket | undefined;
  const stop = (): void => void socket?.destroy(new Error(`nothing within ${timeoutMs} ms`));
  signal.addEventListener("abort", stop);
  try {
    let from = performance.now();
    const lap = (): number => -(from - (from = performance.now()));
    socket = connectTcp({ host: address, port: asked.port });
    await once(socket, "connect");
    sent = { ...sent, connectMs: lap() };
    if (asked.secure) {
      step = "tls";
      const serverName = asked.hostIsAddress ? "" : asked.host;
      const secured = connectTls({
        socket,
        servername: serverName,
        ALPNProtocols: ["http/1.1"],
        rejectUnauthorized: false,
      });
      socket = secured;
      await once(secured, "secureConnect");
      sent = { ...sent, tls: { ...describeTls(secured, asked), serverName, ms: lap() } };
    }
    step = "response";
    const response = await askOn(socket, asked);
    sent = { ...sent, headMs: lap(), status: response.statusCode ?? 0, fields: fieldsOf(response) };
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
    return { ...sent, bytes, endMs: lap() };
  } catch (error) {
    return { ...sent, failed: { step, reason: error instanceof Error ? error.message : String(error) } };
  } finally {
    signal.removeEventListener("abort", stop);
    socket?.destroy();
  }
}

async function askOn(socket: Socket, { method, target, authority, headers }: AskedRequest): Promise<IncomingMessage> {
  const length = ["POST", "PUT", "PATCH"].includes(method) ? ["content-length", "0"] : [];
  const client = request({
    createConnection: () => socket,
    method,
    path: target,
    headers: ["host", authority, ...headers.flat(), ...length, "connection", "close"],
  });
  const response = once(client, "response");
  client.end();
  const [message] = (await response) as [IncomingMessage];
  return message;
}

function describeTls(socket: TLSSocket, asked: AskedRequest): Omit<SeenTls, "ms" | "serverName"> {
  const certificate = socket.getPeerCertificate();
  const { authorizationError: untrusted } = socket as { authorizationError?: unknown };
  return {
    version: socket.getProtocol() ?? "",
    alpn: typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : "none",
    subject: String(certificate.subject.CN ?? ""),
    names: certificate.subjectaltname ?? "",
    expires: new Date(certificate.valid_to).toISOString(),
    expired: Date.parse(certificate.valid_to) < Date.now(),
    mismatch: checkServerIdentity(asked.host, certificate)?.message ?? "",
    untrusted: untrusted instanceof Error ? untrusted.message : typeof untrusted === "string" ? untrusted : "",
  };
}

const fieldsOf = ({ headersDistinct }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(Object.entries(headersDistinct).map(([name, values]) => [name, values?.join(", ") ?? ""]));
