/** What the watches have to say at /metrics. */
import type { CollectedFigure, CollectedValue } from "#src/metrics/registry.ts";
import type { KubeSource } from "./source.ts";
import type { WatchState } from "./watch.ts";

/** Of several sources together: kinds may be watched by more than one. */
export function kubeMetrics(sources: readonly KubeSource[]): readonly CollectedFigure[] {
  const statesOf = (): WatchState[] => sources.flatMap(({ states }) => states);
  const now = (): number => sources[0]?.clock.now() ?? 0;
  const metric = (
    type: "counter" | "gauge",
    name: string,
    help: string,
    of: (states: readonly WatchState[]) => number | undefined,
  ): CollectedFigure => ({ type, name, help, labels: ["kind"], collect: () => byKind(statesOf(), of) });
  return [
    metric(
      "counter",
      "fairway_kube_watch_restarts_total",
      "Watches of the API server that ended otherwise than planned.",
      sum(({ restarts }) => restarts),
    ),
    metric(
      "counter",
      "fairway_kube_lists_total",
      "Full lists of the API server that were begun.",
      sum(({ lists }) => lists),
    ),
    metric(
      "gauge",
      "fairway_kube_objects",
      "Objects that are held.",
      sum(({ objects }) => objects),
    ),
    metric(
      "gauge",
      "fairway_kube_watch_synced",
      "1 when the kind has been listed in full, or the API server does not know it.",
      (states) => (states.every(({ synced }) => synced) ? 1 : 0),
    ),
    metric(
      "gauge",
      "fairway_kube_watch_last_event_age_seconds",
      "Time since the last event, bookmark or list of a kind that is watched.",
      (states) => {
        const at = states.flatMap(({ lastEventAt, phase }) =>
          lastEventAt === undefined || phase === "absent" ? [] : [lastEventAt],
        );
        return at.length === 0 ? undefined : (now() - Math.min(...at)) / 1000;
      },
    ),
  ];
}

/** Over the namespaces of a kind. */
const sum =
  (of: (state: WatchState) => number) =>
  (states: readonly WatchState[]): number =>
    states.reduce((total, state) => total + of(state), 0);

function byKind(
  states: readonly WatchState[],
  of: (states: readonly WatchState[]) => number | undefined,
): CollectedValue[] {
  return [...Map.groupBy(states, ({ kind }) => kind)].flatMap(([kind, own]) => {
    const value = of(own);
    return value === undefined ? [] : [{ labels: { kind }, value }];
  });
}
