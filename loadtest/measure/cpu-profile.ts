/** A CPU profile of V8 (Chrome DevTools Protocol, Profiler.Profile) as the functions that took the time. */

export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  /** Ids of nodes. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

export interface FunctionTime {
  /** As in the source; "(garbage collector)" and "(program)", which is native code without a function, are V8's own. */
  readonly name: string;
  /** `FILE:LINE`, "" for V8's own. */
  readonly place: string;
  /** Milliseconds in the function itself. */
  readonly selfMs: number;
  /** Of the time that was not idle, 0 to 1. */
  readonly share: number;
}

/** The longest first; `root` is taken off the front of files. */
export function functionTimes({ nodes, samples, timeDeltas }: CpuProfile, root: string): readonly FunctionTime[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, { name: string; place: string; us: number }>();
  let busyUs = 0;
  for (const [index, id] of samples.entries()) {
    const { functionName, url, lineNumber } = frames.get(id)!;
    if (functionName === "(idle)") continue;
    const name = functionName === "" ? "(anonymous)" : functionName;
    const place = url === "" ? "" : `${url.replace(`file://${root}/`, "")}:${lineNumber + 1}`;
    const time = times.get(`${name} ${place}`) ?? { name, place, us: 0 };
    time.us += timeDeltas[index]!;
    busyUs += timeDeltas[index]!;
    times.set(`${name} ${place}`, time);
  }
  return [...times.values()]
    .toSorted((a, b) => b.us - a.us)
    .map(({ name, place, us }) => ({ name, place, selfMs: us / 1000, share: us / busyUs }));
}
