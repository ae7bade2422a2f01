import { setTimeout as wait } from "node:timers/promises";

/** Asks again and again until there is an answer; rejects when there is none within the time, generous by default. */
export async function until<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  limitMs = 30_000,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`Cannot see ${what} within ${limitMs} ms`);
    await wait(5);
  }
}
