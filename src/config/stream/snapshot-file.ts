/** The file of the last configuration. It holds private keys: nobody else may read it, and it belongs on a memory-backed volume. */
import { appendFileSync, closeSync, constants, fstatSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { decodeSnapshot, encodeSnapshot, type Snapshot } from "./snapshot.ts";

/** What is kept there, or why nothing of it is taken. */
export function readSnapshotFile(path: string, owner: string): Snapshot | { readonly fault: string } {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    return { fault: isMissing(error) ? "there is none" : messageOf(error) };
  }
  try {
    const { uid, mode } = fstatSync(fd);
    // Whoever could write it could make us serve anything.
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) return { fault: "it is not this user's alone" };
    return decodeSnapshot(owner, readFileSync(fd));
  } catch (error) {
    return { fault: messageOf(error) };
  } finally {
    closeSync(fd);
  }
}

/**
 * The same for one who begins with it. Configurations that make a process end are no use: what was begun with MAX_TRIES
 * times, and never confirmed (SnapshotFile.confirm), is left alone.
 */
export function trySnapshotFile(path: string, owner: string): Snapshot | { readonly fault: string } {
  const snapshot = readSnapshotFile(path, owner);
  if ("fault" in snapshot) return snapshot;
  try {
    const tries = statSync(triesPath(path), { throwIfNoEntry: false })?.size ?? 0;
    if (tries >= MAX_TRIES) return { fault: `${tries} starts with it failed` };
    appendFileSync(triesPath(path), ".", { mode: 0o600 });
    return snapshot;
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

const MAX_TRIES = 3;

/** Holds one character for each try. */
const triesPath = (path: string): string => `${path}.tries`;

export interface SnapshotFileOptions {
  readonly path: string;
  /** Whose configuration it is: the service's name. */
  readonly owner: string;
  /** It could not be written; the next change tries again. */
  readonly onFault: (reason: string) => void;
  /** From a change to its writing, and at least between two. Default 500. */
  readonly delayMs?: number;
}

/** Writes what it is given last, a moment later, beside the serving. */
export class SnapshotFile implements AsyncDisposable {
  readonly #options: SnapshotFileOptions;
  readonly #closing = new AbortController();
  #next: Snapshot | undefined;
  #writing: Promise<void> | undefined;
  #writtenAt = 0;

  constructor(options: SnapshotFileOptions) {
    this.#options = options;
  }

  /** When it was written last, milliseconds since 1970; 0: not by this process. */
  get writtenAt(): number {
    return this.#writtenAt;
  }

  /** What it holds is good to begin with. */
  confirm(): void {
    rmSync(triesPath(this.#options.path), { force: true });
  }

  save(snapshot: Snapshot): void {
    this.#next = snapshot;
    this.#writing ??= this.#writeAll();
  }

  /** Writes at once what still waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    const { delayMs = 500, onFault } = this.#options;
    const { signal } = this.#closing;
    while (this.#next !== undefined) {
      await wait(delayMs, undefined, { signal, ref: false }).catch(() => undefined);
      const snapshot = this.#next;
      this.#next = undefined;
      try {
        await this.#write(snapshot);
        this.#writtenAt = Date.now();
      } catch (error) {
        onFault(messageOf(error));
      }
    }
    this.#writing = undefined;
  }

  /** Readers find the one before or this one, whole. */
  async #write(snapshot: Snapshot): Promise<void> {
    const { path, owner } = this.#options;
    const draft = `${path}.draft`;
    await rm(draft, { force: true });
    const file = await open(draft, "wx", 0o600);
    try {
      for (const bytes of encodeSnapshot(owner, snapshot)) await file.writeFile(bytes);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    this.confirm();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
