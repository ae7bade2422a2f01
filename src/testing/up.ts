/** `fairway up` as a program of its own, for integration tests of the command line and for benches. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const MAIN = join(import.meta.dirname, "../../services/cli/main.ts");

/** `fairway up` as a person runs it, and what it prints. */
export class Up implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #lines: string[] = [];
  /** Everything that was printed. */
  readonly all: string[] = [];
  #wake = (): void => {};

  /** `launcher`: a program and its arguments that become `up` by exec. */
  constructor(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    launcher: readonly string[] = [],
  ) {
    const command = [...launcher, process.execPath, "--no-warnings", MAIN, "up", "--workers", "1", ...args];
    this.child = spawn(command[0]!, command.slice(1), {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...environment },
    });
    createInterface({ input: this.child.stdout! }).on("line", (line) => {
      this.#lines.push(line);
      this.all.push(line);
      this.#wake();
    });
  }

  /** The first line that matches, printed already or within 30 s; it and all before it are not looked at again. */
  async line(pattern: RegExp): Promise<string> {
    const deadline = performance.now() + 30_000;
    for (;;) {
      const index = this.#lines.findIndex((line) => pattern.test(line));
      if (index >= 0) return this.#lines.splice(0, index + 1).at(-1)!;
      assert.ok(
        performance.now() < deadline && this.child.exitCode === null,
        `no line matches ${pattern}: ${this.#lines.join("\n")}`,
      );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async stop(): Promise<number | null> {
    if (this.child.exitCode === null) {
      const exit = once(this.child, "exit");
      this.child.kill("SIGTERM");
      await exit;
    }
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
