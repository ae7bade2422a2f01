/** From directories of YAML to entries: what `up` publishes and `check` prints. */
import type { Entry } from "#src/config/model.ts";
import { DirectorySource, readDirectory } from "#src/config/source/directory.ts";
import type { Snapshot, SourceFault, SourceObject } from "#src/config/source/snapshot.ts";
import { readZone } from "#src/dns/zone/read-zone.ts";
import { parseName } from "#src/dns/wire/name-text.ts";
import { withBuiltInClasses } from "#src/gateway/built-in-class.ts";
import type { Verdict } from "#src/gateway/condition.ts";
import type { CheckZone } from "#src/resource/zone-text.ts";
import { resourceName } from "#src/resource/resource.ts";
import { makeTranslate, type Translate, type TranslateOptions } from "#src/translate/translate.ts";

export interface Configuration {
  readonly entries: readonly Entry[];
  /** See Translation. */
  readonly planesOf: (entry: Entry) => ReadonlySet<string>;
  readonly verdicts: readonly Verdict[];
  readonly faults: readonly SourceFault[];
}

/** One of each family. */
const ANY_ENDPOINTS = [
  { address: "0.0.0.0", port: 0 },
  { address: "::", port: 0 },
];

/** What is wrong with a zone, by line of its text. Which addresses its Backends have is not known here, nor matters. */
export const checkZone: CheckZone = ({ origin, text, backends }) => {
  const name = parseName(origin);
  if (typeof name === "string") return [{ line: 0, reason: `the origin ${origin} is no name: ${name}` }];
  const zone = readZone(
    { text, backends: backends.map((one) => ({ ...one, endpoints: ANY_ENDPOINTS })) },
    name,
    () => -1,
  );
  return "length" in zone ? zone.map(({ line, reason }) => ({ line, reason })) : [];
};

/** Reads each directory once. */
export function readConfiguration(directories: readonly string[]): Configuration {
  return translateAll(
    makeTranslate(),
    directories.map((directory) => readDirectory(directory, { checkZone })),
  );
}

/** Directories that are read again whenever they change; `onChange` is given the new whole. */
export class WatchedConfiguration implements Disposable {
  readonly #sources: readonly DirectorySource[];
  readonly #translate: Translate;
  #current: Configuration;

  constructor(
    directories: readonly string[],
    onChange: (configuration: Configuration) => void,
    options: TranslateOptions = {},
  ) {
    this.#translate = makeTranslate(options);
    this.#sources = directories.map(
      (directory) =>
        new DirectorySource(directory, {
          checkZone,
          onChange: () => {
            this.#current = this.#read();
            onChange(this.#current);
          },
        }),
    );
    this.#current = this.#read();
  }

  get current(): Configuration {
    return this.#current;
  }

  /** Reads now (SIGHUP). */
  reload(): void {
    for (const source of this.#sources) source.reload();
  }

  [Symbol.dispose](): void {
    for (const source of this.#sources) source[Symbol.dispose]();
  }

  #read(): Configuration {
    return translateAll(
      this.#translate,
      this.#sources.map(({ snapshot }) => snapshot),
    );
  }
}

function translateAll(translate: Translate, snapshots: readonly Snapshot[]): Configuration {
  const objects = snapshots.flatMap((snapshot) => snapshot.objects);
  const translation = translate(withBuiltInClasses(objects.map(({ resource }) => resource)));
  const places = new Map(objects.map((object) => [nameOf(object), object]));
  const faults = translation.faults.map(({ object, path, reason }) => {
    const place = places.get(object);
    return {
      file: place?.file ?? object,
      line: place?.lineOf(path) ?? 0,
      path: path.join("."),
      reason,
    };
  });
  return {
    entries: translation.entries,
    planesOf: translation.planesOf,
    verdicts: translation.verdicts,
    faults: [...snapshots.flatMap((snapshot) => snapshot.faults), ...faults],
  };
}

const nameOf = ({ resource }: SourceObject): string => resourceName(resource);
