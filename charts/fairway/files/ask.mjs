/**
 * What `helm test` runs in a pod of the image: asks until the right answer comes, or until its time is over. The
 * question is the arguments: `dns SERVER NAME TYPE EXPECTED`, `http URL STATUS`.
 */
import { execFileSync } from "node:child_process";
import { lookup } from "node:dns/promises";

const LIMIT_MS = 60_000;

const ask = { dns: askDns, http: askHttp };

async function askDns(server, name, type, expected) {
  const { address, family } = await lookup(server);
  const at = family === 6 ? `[${address}]:53` : `${address}:53`;
  for (const transport of [[], ["--tcp"]]) {
    const printed = execFileSync("fairway", ["dig", name, type, "--server", at, ...transport, "-o", "json"], {
      encoding: "utf8",
    });
    const { rcode, answer } = JSON.parse(printed);
    const found = answer.map(({ data }) => data).join(" ");
    if (found !== expected) throw new Error(`${rcode}, ${found || "no records"} instead of ${expected}`);
  }
}

async function askHttp(url, status) {
  const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(5_000) });
  if (response.status !== Number(status)) throw new Error(`status ${response.status} instead of ${status}`);
}

const [kind, ...question] = process.argv.slice(2);
const end = Date.now() + LIMIT_MS;
for (;;) {
  try {
    await ask[kind](...question);
    console.log(`${question.join(" ")}: as it should be`);
    break;
  } catch (error) {
    if (Date.now() > end) {
      console.error(`${question.join(" ")}: ${error.message}`);
      process.exit(1);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}
