/** When an unsafe request ends what is stored (RFC 9111 section 4.4). */
import { METHOD } from "#src/http/method.ts";

/** RFC 9110 section 9.2.1; methods that are not known are taken as unsafe. */
export function isSafeMethod(method: number): boolean {
  return method === METHOD.GET || method === METHOD.HEAD || method === METHOD.OPTIONS || method === METHOD.TRACE;
}

/** Whether a response to this method ends what is stored for its target. */
export function invalidates(method: number, status: number): boolean {
  return !isSafeMethod(method) && status >= 200 && status < 400;
}
