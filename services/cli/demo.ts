/** The embedded demo: its directory, a certificate made anew at each start, and its origins. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createCertificate } from "#src/net/self-signed.ts";
import { StartFault } from "#src/process/fault.ts";
import { formatYaml } from "#src/resource/yaml.ts";

export const DEMO_DIRECTORY: string = join(import.meta.dirname, "demo");

const DEMO_NAMES = ["demo.test", "*.demo.test", "localhost", "127.0.0.1", "::1"];
const DAY_MS = 86_400_000;

const encode = (pem: string): string => Buffer.from(pem).toString("base64");

/** Writes the Secret `demo-tls` into `directory`, which only this user can read. */
export function writeDemoSecret(directory: string): void {
  const now = Date.now();
  const { certificatePem, keyPem } = createCertificate({
    names: DEMO_NAMES,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + 30 * DAY_MS),
  });
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "demo-tls" },
    type: "kubernetes.io/tls",
    data: { "tls.crt": encode(certificatePem), "tls.key": encode(keyPem) },
  };
  writeFileSync(join(directory, "demo-tls.yaml"), formatYaml(secret), { mode: 0o600 });
}

/** Resolves when all of them listen. */
export async function startDemoOrigins(): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    ["--no-warnings", join(import.meta.dirname, "demo-origins.ts"), String(process.pid)],
    { stdio: ["ignore", "inherit", "inherit", "ipc"], detached: true },
  );
  const [message] = (await Promise.race([once(child, "message"), once(child, "exit")])) as [unknown];
  if (message !== "ready") throw new StartFault("Cannot start the demo: its origins did not come up");
  child.channel?.unref();
  return child;
}
