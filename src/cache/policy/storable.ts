/** Whether a response may be stored (RFC 9111 section 3). */
import { FIELD } from "#src/http/field.ts";
import type { Message } from "#src/http/message.ts";
import { METHOD } from "#src/http/method.ts";
import type { CacheControl } from "./cache-control.ts";
import { HEURISTICALLY_CACHEABLE, hasExplicitLifetime } from "./freshness.ts";
import { hasValidator } from "./validator.ts";
import { isVaryStar } from "./vary.ts";

/** Why a response is not stored; a metric label. */
export type NotStorable =
  | "method"
  | "status"
  | "requestNoStore"
  | "noStore"
  | "private"
  | "authorization"
  | "setCookie"
  | "varyStar"
  | "noLifetime";

/** Statuses whose meaning is known here (RFC 9111 section 3, must-understand); 206 and 304 are never stored as they are. */
const UNDERSTOOD: readonly number[] = [...HEURISTICALLY_CACHEABLE, 302, 303, 307, 400, 403, 451, 500, 502, 503, 504];

/** `request` is that of the response, with `asked` and `control` as parsed from each. */
export function storable(
  request: Message,
  asked: CacheControl,
  response: Message,
  control: CacheControl,
): "storable" | NotStorable {
  if (request.method !== METHOD.GET) return "method";
  const { status } = response;
  if (status < 200 || status === 206 || status === 304) return "status";
  if (control.mustUnderstand && !UNDERSTOOD.includes(status)) return "status";
  // must-understand with a status that is understood overrides no-store (RFC 9111 section 5.2.2.3).
  if (control.noStore && !control.mustUnderstand) return "noStore";
  if (asked.noStore) return "requestNoStore";
  if (control.private) return "private";
  if (request.hasField(FIELD.authorization) && !sharedDespiteAuthorization(control)) return "authorization";
  // Nothing in RFC 9111 forbids it, but a cookie given to one client must not be given to all.
  if (response.hasField(FIELD["set-cookie"])) return "setCookie";
  if (isVaryStar(response)) return "varyStar";
  if (hasExplicitLifetime(response, control)) return "storable";
  if (!control.public && !HEURISTICALLY_CACHEABLE.includes(status)) return "noLifetime";
  // Without a lifetime it is worth keeping only when it can be revalidated, or has a heuristic one.
  return hasValidator(response) ? "storable" : "noLifetime";
}

/** RFC 9111 section 3.5. */
function sharedDespiteAuthorization(control: CacheControl): boolean {
  return control.public || control.mustRevalidate || control.sMaxAge >= 0;
}
