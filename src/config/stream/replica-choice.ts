/**
 * Which replica of the controller a client takes its configuration from. Every replica translates what it has read from
 * the API server by itself, so for a while two of them may differ: one has read further, or is another version of the
 * program. Pure.
 *
 * The rules:
 * 1. Only a replica that is not behind is followed: what it has is named by the digest that is held, or its revision
 *    (the largest resourceVersion that it has read) is not below that of what is held.
 * 2. Of those the leader, with the highest term when two take themselves for it.
 * 3. Else the one that is followed already; else the one that has read furthest.
 *
 * Why every client ends with the same: what is held came from a replica that had read it from the API server, and
 * replicas read on, so each of them is not behind after a time (rule 1 never shuts all of them out for long). There is
 * one Lease, so there is one leader then, and rule 2 brings all clients to it, once each: no flapping. Without a leader
 * all replicas read the same, and equal versions of the program make equal entries of it, whose digests are equal.
 * The one case in which no replica ever catches up is an API server that was put back from a backup. There the leader's
 * word counts after BEHIND_LIMIT_MS: only a replica that reaches the API server stays leader for so long.
 */
export interface Replica {
  /** How the caller calls it. */
  readonly id: string;
  /** "": it has nothing yet. */
  readonly digest: string;
  readonly revision: number;
  /** 0: not the leader. */
  readonly term: number;
  /** Since when it was behind without a break, see isBehind; undefined: it is not. Same clock as `now`. */
  readonly behindSince: number | undefined;
}

export interface HeldRevision {
  /** "": nothing is held. */
  readonly digest: string;
  readonly revision: number;
}

export const BEHIND_LIMIT_MS = 60_000;

export function isBehind({ digest, revision }: HeldRevision, held: HeldRevision): boolean {
  return digest !== held.digest && revision < held.revision;
}

/** The id of the one to follow, or undefined: what is held goes on. */
export function chooseReplica(
  replicas: readonly Replica[],
  followed: string | undefined,
  now: number,
): string | undefined {
  let best: Replica | undefined;
  for (const replica of replicas) {
    if (mayFollow(replica, now) && (best === undefined || isBetter(replica, best, followed))) best = replica;
  }
  return best?.id;
}

/** A leader that has stayed behind for so long is right: the store was put back. */
export function isBelieved({ term, behindSince }: Replica, now: number): boolean {
  return term > 0 && behindSince !== undefined && now - behindSince >= BEHIND_LIMIT_MS;
}

function mayFollow(replica: Replica, now: number): boolean {
  return replica.digest !== "" && (replica.behindSince === undefined || isBelieved(replica, now));
}

function isBetter(one: Replica, other: Replica, followed: string | undefined): boolean {
  if (one.term !== other.term) return one.term > other.term;
  if (one.id === followed || other.id === followed) return one.id === followed;
  return one.revision > other.revision;
}
