/**
 * SIGTERM and SIGINT ask to stop, SIGHUP to reload. The handlers stay: npm may deliver SIGINT twice, and the second must
 * not cut the drain short.
 */
export interface SignalHandlers {
  /** Once, however often it is asked. */
  readonly stop: (signal: NodeJS.Signals) => void;
  readonly reload: () => void;
}

export function handleSignals({ stop, reload }: SignalHandlers): Disposable {
  let stopped = false;
  const onStop = (signal: NodeJS.Signals): void => {
    if (stopped) return;
    stopped = true;
    stop(signal);
  };
  process.on("SIGTERM", onStop).on("SIGINT", onStop).on("SIGHUP", reload);
  return {
    [Symbol.dispose]: () => void process.off("SIGTERM", onStop).off("SIGINT", onStop).off("SIGHUP", reload),
  };
}
