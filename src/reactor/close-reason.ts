/** Which close reason an error number stands for. */
import {
  EADDRNOTAVAIL,
  ECONNREFUSED,
  ECONNRESET,
  EHOSTDOWN,
  EHOSTUNREACH,
  EMFILE,
  ENETDOWN,
  ENETUNREACH,
  ENFILE,
  ENOBUFS,
  EPIPE,
  ETIMEDOUT,
} from "./errno.ts";
import type { CloseReason } from "./stream.ts";

/** The close reason that an error number of either sign stands for. */
export function reasonOf(error: number): CloseReason {
  switch (Math.abs(error)) {
    case 0:
    case ECONNRESET:
    case EPIPE:
      return "reset";
    case ETIMEDOUT:
      return "timeout";
    case ECONNREFUSED:
      return "refused";
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
      return "unreachable";
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
      return "overloaded";
    default:
      return "error";
  }
}
