import type { Condition } from "./condition.ts";
import type { Carried, PodObservation, StatusFacts } from "./observed.ts";

/** Whether what an object means is in use: a condition, and until when it is too early to say so. */
export interface Programmed {
  readonly condition: Condition;
  /** Milliseconds since 1970: pods may acknowledge until then. Undefined: time alone changes nothing. */
  readonly until: number | undefined;
}

/** How long pods have to acknowledge before the status says that they have not. */
const ACKNOWLEDGE_MS = 500;
/**
 * A pod that is not connected (any more, or yet: to a controller that has just started) is believed to have what it was
 * given before for so long, or a lost connection would rewrite the status of everything.
 */
const SILENCE_MS = 20_000;

/** Of the facts what does not change from object to object, looked up once. */
export interface ProgrammedFacts {
  /** By plane. */
  readonly ready: ReadonlyMap<string, readonly PodObservation[]>;
  /** Of those the ones that do not have everything in use. */
  readonly behind: ReadonlyMap<string, readonly PodObservation[]>;
  readonly publishedAt: StatusFacts["publishedAt"];
}

export function programmedFacts({ pods, publishedAt }: StatusFacts): ProgrammedFacts {
  const ready = Map.groupBy(
    pods.filter(({ isReady, isTerminating }) => isReady && !isTerminating),
    ({ plane }) => plane,
  );
  const behind = new Map(Array.from(ready, ([plane, all]) => [plane, all.filter(({ isCurrent }) => !isCurrent)]));
  return { ready, behind, publishedAt };
}

/** In use when each plane has a ready pod, and every ready pod has all of it in use. */
export function programmedOf(
  type: string,
  carried: readonly Carried[],
  { ready, behind, publishedAt: publishedAtOf }: ProgrammedFacts,
): Programmed {
  let pending: string | undefined;
  let until: number | undefined;
  for (const { plane, entry } of carried) {
    const count = ready.get(plane)?.length ?? 0;
    if (count === 0) pending ??= `no pod of data plane ${plane} is ready`;
    let missing = 0;
    const publishedAt = publishedAtOf(entry);
    for (const pod of behind.get(plane) ?? []) {
      const refusal = pod.refusal(entry);
      if (refusal !== undefined) return notProgrammed(type, "Invalid", `pod ${pod.name}: ${refusal}`);
      if (pod.holds(entry)) continue;
      missing++;
      until = Math.max(until ?? 0, publishedAt + ACKNOWLEDGE_MS, silenceEnd(pod, publishedAt));
    }
    if (missing === 0) continue;
    pending ??= `${missing} of ${count} pods of data plane ${plane} do not have it in use yet`;
  }
  if (pending !== undefined) return { ...notProgrammed(type, "Pending", pending), until };
  return { condition: { type, status: "True", reason: "Programmed", message: "" }, until: undefined };
}

function silenceEnd({ silentSince }: PodObservation, publishedAt: number): number {
  return silentSince === undefined || publishedAt > silentSince ? 0 : silentSince + SILENCE_MS;
}

export function notProgrammed(type: string, reason: string, message: string): Programmed {
  return { condition: { type, status: "False", reason, message }, until: undefined };
}
