/**
 * The lines that `up` prints: what changed in the configuration and how soon it was live, or why it was not taken; and which
 * service ended.
 */
import { formatFault } from "#src/config/source/snapshot.ts";
import type { SourceFault } from "#src/config/source/snapshot.ts";
import type { Liveness } from "#src/config/stream/publication-waiters.ts";
import type { ServiceEnd } from "#src/process/supervisor.ts";

/** `httproute/default/shop` as a person would say it. */
export function describeKey(key: string): string {
  const [kind, ...name] = key.split("/");
  const word = { httproute: "route", tcproute: "route", udproute: "route" }[kind!] ?? kind!;
  return `${word} ${name.join("/")}`;
}

/** One line for a publication once every client has answered. */
export function describeChange(changed: readonly string[], live: readonly Liveness[]): string {
  const shown = changed.slice(0, 3).map(describeKey);
  const what = changed.length > 3 ? `${shown.join(", ")} and ${changed.length - 3} more` : shown.join(", ");
  const rejected = live.flatMap((each) => each.rejected.map(({ key, reason }) => `${describeKey(key)}: ${reason}`));
  const late = live.filter((each) => each.afterMs === undefined).map(({ client }) => client);
  const slowest = Math.max(0, ...live.map((each) => each.afterMs ?? 0));
  if (rejected.length > 0) return `${what} changed: ${rejected.join("; ")}; the old one goes on serving`;
  if (late.length > 0) return `${what} changed: not yet acknowledged by ${late.join(", ")}`;
  return `${what} changed: live in ${Math.max(1, Math.round(slowest))} ms`;
}

/** Lines for faults that were not there before. */
export function newFaults(before: readonly SourceFault[], now: readonly SourceFault[]): string[] {
  const known = new Set(before.map(formatFault));
  return now
    .map(formatFault)
    .filter((fault) => !known.has(fault))
    .map((fault) => `${fault}; the old one goes on serving`);
}

/** One line for a service whose main has ended without being asked to. */
export function describeEnd({ name, code, signal, restartInMs }: ServiceEnd): string {
  const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
  const when = restartInMs === 0 ? "now" : `in ${Math.round(restartInMs)} ms`;
  return `${name} ${how}: it starts again ${when}`;
}
