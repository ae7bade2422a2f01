import { type Resource, resourceName } from "#src/resource/resource.ts";
import { formatPath } from "#src/resource/schema.ts";
import { parseYaml, type YamlDocument } from "#src/resource/yaml.ts";
import { type Reading, readObject } from "./object.ts";

/** A document's faults count lines within it, from 1. */
interface DocumentFault {
  readonly line: number;
  readonly path: string;
  readonly reason: string;
}

/** One object of a document (a List has several). */
export type DocumentObject =
  | {
      readonly resource: Resource;
      readonly line: number;
      readonly lineOf: (path: readonly (string | number)[]) => number;
    }
  | {
      readonly resource?: undefined;
      /** What it seems to be; undefined when that cannot be read. */
      readonly name: string | undefined;
      readonly faults: readonly DocumentFault[];
    };

/** More than the API server accepts for one object; a parser's work must have a bound. */
const MAX_DOCUMENT_CHARACTERS = 3 * 1024 * 1024;

type Path = readonly (string | number)[];

/** Reads one YAML (or JSON) document. */
export function readDocument(text: string, reading: Reading): DocumentObject[] {
  if (text.length > MAX_DOCUMENT_CHARACTERS) {
    const reason = `longer than ${MAX_DOCUMENT_CHARACTERS} characters`;
    return [{ name: undefined, faults: [{ line: 1, path: "", reason }] }];
  }
  const document = parseYaml(text);
  if (document.faults.length === 0)
    return listItems(document.value).map(({ value, path }) => placeObject(document, value, path, reading));
  // The text is broken, but often still says which object it is about.
  const faults = document.faults.map((fault) => ({ ...fault, path: "" }));
  const decoded = reading.decode(document.value);
  return [{ name: decoded.resource === undefined ? decoded.name : resourceName(decoded.resource), faults }];
}

/** Reads a zone's master file; its name says the domain: `example.com.zone`. */
export function readZoneFile(text: string, domain: string, reading: Reading): DocumentObject {
  const value = {
    apiVersion: "fairway.dev/v1alpha1",
    kind: "Zone",
    metadata: { name: domain.toLowerCase() },
    spec: { domain, zoneFile: text },
  };
  const read = readObject(value, reading);
  if (read.resource !== undefined) return { resource: read.resource, line: 1, lineOf: () => 1 };
  // The file is the zone's text and nothing else: what lies in it has its own lines and no path.
  const faults = read.faults.map(({ path, line, reason }) =>
    line > 0 ? { line, path: "", reason } : { line: 1, path: formatPath(path), reason },
  );
  return { name: read.name, faults };
}

function placeObject(document: YamlDocument, value: unknown, prefix: Path, reading: Reading): DocumentObject {
  const lineOf = (path: Path): number => document.lineOf([...prefix, ...path]);
  const read = readObject(value, reading);
  if (read.resource !== undefined) return { resource: read.resource, line: lineOf([]), lineOf };
  const faults = read.faults.map(({ path, line, reason }) => ({
    line: lineOf(path) + line,
    path: formatPath([...prefix, ...path]),
    reason,
  }));
  return { name: read.name, faults };
}

/** The items of what `kubectl get -o yaml` prints, or the value itself. */
function listItems(value: unknown): { value: unknown; path: Path }[] {
  if (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    value.kind === "List" &&
    "items" in value &&
    Array.isArray(value.items)
  ) {
    return value.items.map((item: unknown, index) => ({ value: item, path: ["items", index] }));
  }
  return [{ value, path: [] }];
}
