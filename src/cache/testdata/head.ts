/** Request and response heads for tests, written as text. */
import { FIELD, fieldNumber } from "#src/http/field.ts";
import { BODY, Message } from "#src/http/message.ts";
import { METHOD, type MethodName } from "#src/http/method.ts";

/** `GET https://example.com/a?b` and lines such as `Accept: text/html`. */
export function requestHead(line: string, ...fields: string[]): Message {
  const [method, target] = line.split(" ") as [MethodName, string];
  const url = /^(https?):\/\/([^/?]*)(.*)$/.exec(target)!;
  const [authority, path] = [url[2]!, url[3]!];
  const message = headOf(`${method} ${path} ${authority}\r\n`, fields);
  message.method = METHOD[method] ?? METHOD.OTHER;
  message.methodEnd = method.length;
  message.secure = url[1] === "https";
  message.targetStart = method.length + 1;
  message.targetEnd = message.targetStart + path.length;
  message.pathEnd = path.includes("?") ? message.targetStart + path.indexOf("?") : message.targetEnd;
  message.authorityStart = message.targetEnd + 1;
  message.authorityEnd = message.authorityStart + authority.length;
  const port = /:\d+$/.exec(authority);
  message.hostEnd = message.authorityEnd - (port?.[0].length ?? 0);
  return message;
}

/** `200` and lines such as `Cache-Control: max-age=60`. Framing from Content-Length, else chunked. */
export function responseHead(status: number, ...fields: string[]): Message {
  const message = headOf(`HTTP/1.1 ${status} X\r\n`, fields);
  message.status = status;
  const length = message.find(FIELD["content-length"]);
  message.contentLength = length >= 0 ? Number(message.value(length)) : -1;
  message.body = length >= 0 ? BODY.length : status === 304 || status === 204 ? BODY.none : BODY.chunked;
  return message;
}

function headOf(start: string, fields: readonly string[]): Message {
  const text = start + fields.map((line) => `${line}\r\n`).join("");
  const message = new Message();
  message.reset(Buffer.from(text, "latin1"));
  let at = start.length;
  for (const line of fields) {
    const colon = line.indexOf(":");
    const value = line.slice(colon + 1);
    const valueStart = at + colon + 1 + (value.length - value.trimStart().length);
    message.addField(fieldNumber(line.slice(0, colon).toLowerCase()), at, at + colon, valueStart, valueStart + value.trim().length);
    at += line.length + 2;
  }
  return message;
}
