import type { IsHealthy, Rrset } from "./zone.ts";

/**
 * The records of an rrset that answers give: those that a healthy target vouches for, and those without any. When there
 * are none all are given: a wrong verdict must not make a name unreachable, and "no such record" would be remembered for
 * longer than the outage lasts (RFC 2308 section 5).
 */
export function givenRecords({ rdatas, targets }: Rrset, isHealthy: IsHealthy): readonly Uint8Array[] {
  if (targets === undefined) return rdatas;
  const given = rdatas.filter((_, index) => targets[index]!.length === 0 || targets[index]!.some(isHealthy));
  return given.length === 0 ? rdatas : given;
}
