import { basename, dirname, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { makeDecoder } from "#src/resource/decode.ts";
import type { CheckZone } from "#src/resource/zone-text.ts";
import { readFile, type ReadFile } from "./file.ts";
import { mergeFiles } from "./merge.ts";
import type { Reading } from "./object.ts";
import type { Snapshot } from "./snapshot.ts";
import { walkTree } from "./tree.ts";
import { type DirectoryWatch, watchDirectories } from "./watch.ts";

export interface DirectoryOptions {
  /** Says what is wrong with a zone's text; without it zones are not looked into. */
  readonly checkZone?: CheckZone;
}

/** Events come in bursts: a change is read when none came for this long, or after the longest wait. */
const QUIET_MS = 10;
const LONGEST_WAIT_MS = 50;
/** A file that has just become empty is most likely being written: it counts as empty only after this. */
const EMPTY_MS = 50;

const EMPTY: Snapshot = { objects: [], faults: [] };

/** Reads a directory (or one file) once. */
export function readDirectory(path: string, options: DirectoryOptions = {}): Snapshot {
  return new DirectoryReader(path, options).read(false).snapshot;
}

/** A directory of YAML, JSON and zone files as a source of objects, read again whenever it changes. */
export class DirectorySource implements Disposable {
  readonly #reader: DirectoryReader;
  readonly #watch: DirectoryWatch;
  readonly #onChange: (snapshot: Snapshot) => void;
  #snapshot: Snapshot;
  #timer: NodeJS.Timeout | undefined;
  /** When the oldest event that is not read yet came, in performance.now() time. */
  #waitingSince = 0;

  /** Reads at once and then watches; `onChange` is called with each snapshot that differs from the last. */
  constructor(path: string, options: DirectoryOptions & { readonly onChange: (snapshot: Snapshot) => void }) {
    this.#onChange = options.onChange;
    this.#reader = new DirectoryReader(path, options);
    const [parent, name] = [dirname(resolve(path)), basename(path)];
    this.#watch = watchDirectories((directory, entry) => {
      // Of what lies beside a directory nothing matters; a single file's links may lead through its neighbours.
      if (directory !== parent || entry === name || entry === null || this.#reader.isFile) this.#schedule(QUIET_MS);
    });
    this.#snapshot = EMPTY;
    this.#snapshot = this.#read();
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Reads now, as after a change (SIGHUP). */
  reload(): void {
    this.#change();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#watch[Symbol.dispose]();
  }

  #schedule(delayMs: number): void {
    const now = performance.now();
    if (this.#timer === undefined) this.#waitingSince = now;
    else clearTimeout(this.#timer);
    const left = Math.max(delayMs - QUIET_MS, this.#waitingSince + LONGEST_WAIT_MS - now);
    this.#timer = setTimeout(() => this.#change(), Math.max(0, Math.min(delayMs, left)));
  }

  #change(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const snapshot = this.#read();
    if (isSame(snapshot, this.#snapshot)) return;
    this.#snapshot = snapshot;
    this.#onChange(snapshot);
  }

  #read(): Snapshot {
    const { snapshot, directories, unsettled } = this.#reader.read(true);
    const faults = this.#watch.update(directories);
    if (unsettled) this.#schedule(EMPTY_MS);
    if (faults.length === 0) return snapshot;
    return { ...snapshot, faults: [...faults.map((fault) => ({ ...fault, line: 0, path: "" })), ...snapshot.faults] };
  }
}

/** Reads a directory again and again, each time only what changed. */
class DirectoryReader {
  readonly #root: string;
  readonly #reading: Reading;
  #files = new Map<string, ReadFile>();
  #snapshot = EMPTY;
  /** Files that were found empty, and when. */
  #emptied = new Map<string, number>();

  constructor(path: string, { checkZone }: DirectoryOptions) {
    this.#root = resolve(path);
    this.#reading = { decode: makeDecoder(), checkZone: checkZone ?? (() => []) };
  }

  /** Whether the path is a file, not a directory. */
  get isFile(): boolean {
    return this.#files.has(this.#root);
  }

  /** `unsettled`: a file was left as it had been, and must be looked at again soon. */
  read(patient: boolean): { snapshot: Snapshot; directories: readonly string[]; unsettled: boolean } {
    const tree = walkTree(this.#root);
    const files = new Map<string, ReadFile>();
    const emptied = new Map<string, number>();
    for (const found of tree.files) {
      const last = this.#files.get(found.file);
      if (last !== undefined && last.stamp === found.stamp) {
        files.set(found.file, last);
        continue;
      }
      if (patient && found.bytes === 0 && last !== undefined && last.content.documents.length > 0) {
        const since = this.#emptied.get(found.file) ?? performance.now();
        if (performance.now() - since < EMPTY_MS - 1) {
          emptied.set(found.file, since);
          files.set(found.file, last);
          continue;
        }
      }
      files.set(found.file, readFile(found, this.#reading, last));
    }
    this.#files = files;
    this.#emptied = emptied;
    const contents = [...files.values()].map(({ content }) => content);
    const failures = tree.faults.map(({ file, reason }) => ({ file, documents: [], failure: reason }));
    this.#snapshot = mergeFiles([...failures, ...contents], this.#snapshot);
    return { snapshot: this.#snapshot, directories: tree.directories, unsettled: emptied.size > 0 };
  }
}

function isSame(a: Snapshot, b: Snapshot): boolean {
  return (
    isDeepStrictEqual(a.faults, b.faults) &&
    a.objects.length === b.objects.length &&
    a.objects.every(({ resource, file, line }, index) => {
      const other = b.objects[index]!;
      return (
        file === other.file &&
        line === other.line &&
        (resource === other.resource || isDeepStrictEqual(resource, other.resource))
      );
    })
  );
}
