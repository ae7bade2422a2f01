/** The zone that DNS benches serve, and the questions they ask. */

export const ZONE_ORIGIN = "bench.test";
const NAMES = 10_000;
/** Has no common divisor with NAMES: every name once, neighbours far apart. */
const STEP = 7919;

const addressOf = (index: number): string => `192.0.2.${index & 255}`;

/** A master file with 10,000 names of one address each. */
export function makeZone(): string {
  const lines = [
    `$ORIGIN ${ZONE_ORIGIN}.`,
    "$TTL 3600",
    "@ SOA ns hostmaster 1 7200 900 1209600 300",
    "@ NS ns",
    "ns A 192.0.2.53",
  ];
  for (let index = 0; index < NAMES; index++) lines.push(`n${index} A ${addressOf(index)}`);
  return `${lines.join("\n")}\n`;
}

/** Every name once, in the form of dnsperf's input. */
export function makeQuestions(): string {
  return Array.from({ length: NAMES }, (_, index) => `n${(index * STEP) % NAMES}.${ZONE_ORIGIN} A\n`).join("");
}

/** One question, and the one answer to it. */
export const SAMPLE_ANSWER = { name: `n4711.${ZONE_ORIGIN}.`, address: addressOf(4711) };
