/** What DNS contenders must answer. */
import { askDns } from "#src/testing/dns-question.ts";
import { SAMPLE_ANSWER } from "../generators/zone.ts";
import type { Check } from "./cpu-contender.ts";

/** Asks for one of the zone's names over UDP before the load and after it: faults when the answer is not its address. */
export function answerCheck(port: number): Check {
  return async () => {
    const before = await answerFaults(port);
    return async () => [...before, ...(await answerFaults(port))];
  };
}

async function answerFaults(port: number): Promise<readonly string[]> {
  const { name, address } = SAMPLE_ANSWER;
  const { rcode, answer } = await askDns({ transport: "udp", host: "127.0.0.1", port, name, type: "A" });
  if (rcode !== "NOERROR") return [`${rcode} to ${name}`];
  // The time to live between them goes down in a resolver's cache.
  const isRight = answer.length === 1 && answer[0]!.startsWith(`${name} `) && answer[0]!.endsWith(` A ${address}`);
  return isRight ? [] : [`${JSON.stringify(answer)} to ${name}`];
}

/** Whether there is a right answer now. */
export async function isAnswering(port: number): Promise<boolean> {
  try {
    return (await answerFaults(port)).length === 0;
  } catch {
    return false;
  }
}
