/** Where `up` keeps what lives as long as it does: the config stream's socket, the demo's key. For this user alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class RuntimeDirectory implements Disposable {
  readonly path: string;

  constructor() {
    this.path = mkdtempSync(join(process.env["XDG_RUNTIME_DIR"] ?? tmpdir(), "fairway-"));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
