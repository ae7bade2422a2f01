/** Names that are never asked of anybody (RFC 6761, RFC 7686, RFC 8482): answered here, at once. */
import { RCODE } from "#src/dns/wire/rcode.ts";
import { TYPE } from "#src/dns/wire/type.ts";
import { isAtOrBelow } from "./name-key.ts";
import type { Outcome, RrSet } from "./rrset.ts";

const LOCALHOST = "\x09localhost\0";
const LOOPBACK_REVERSE_4 = "\x011\x010\x010\x03127\x07in-addr\x04arpa\0";
const NOWHERE = ["\x07invalid\0", "\x05onion\0"] as const;
const TTL_SECONDS = 3600;
/** RFC 8482 section 4.2: CPU field "RFC8482", empty OS. */
const ANY_RDATA = Buffer.from("\x07RFC8482\0", "latin1");
const IPV4_LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const IPV6_LOOPBACK = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** The outcome for a question that is answered here, undefined for all others. */
export function localOutcome(name: string, type: number): Outcome | undefined {
  if (type === TYPE.ANY) return outcome([record(name, TYPE.HINFO, ANY_RDATA)]);
  if (isAtOrBelow(name, LOCALHOST)) {
    if (type === TYPE.A) return outcome([record(name, TYPE.A, IPV4_LOOPBACK)]);
    if (type === TYPE.AAAA) return outcome([record(name, TYPE.AAAA, IPV6_LOOPBACK)]);
    return outcome([]);
  }
  if (name === LOOPBACK_REVERSE_4 && type === TYPE.PTR) {
    return outcome([record(name, TYPE.PTR, Buffer.from(LOCALHOST, "latin1"))]);
  }
  if (NOWHERE.some((zone) => isAtOrBelow(name, zone))) return { ...outcome([]), rcode: RCODE.NXDOMAIN };
  return undefined;
}

const record = (owner: string, type: number, rdata: Uint8Array): RrSet => ({
  owner,
  type,
  ttl: TTL_SECONDS,
  rdata: [rdata],
});

const outcome = (answer: readonly RrSet[]): Outcome => ({
  rcode: RCODE.NOERROR,
  answer,
  authority: [],
  ttl: TTL_SECONDS,
  reason: "",
});
