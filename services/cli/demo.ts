/** The embedded demo: its directory, a certificate made anew at each start, and its origins. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createCertificate } from "#src/net/self-signed.ts";
import { StartFault } from "#src/process/fault.ts";
import { PROGRAM_EXTENSION } from "#src/process/program-file.ts";
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

/** The demo's backends, in a process of their own. */
export class DemoOrigins implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when all of them listen. */
  static async start(): Promise<DemoOrigins> {
    const child = spawn(
      process.execPath,
      ["--no-warnings", join(import.meta.dirname, `demo-origins${PROGRAM_EXTENSION}`), String(process.pid)],
      { stdio: ["ignore", "inherit", "inherit", "ipc"], detached: true },
    );
    const [message]: unknown[] = await Promise.race([once(child, "message"), once(child, "exit")]);
    if (message !== "ready") throw new StartFault("Cannot start the demo: its origins did not come up");
    return new DemoOrigins(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exit;
  }
}
