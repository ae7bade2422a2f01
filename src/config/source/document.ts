import type { Decoder } from "#src/resource/decode.ts";
import { type Resource, resourceName } from "#src/resource/resource.ts";
import { type Fault, formatPath } from "#src/resource/schema.ts";
import { parseYaml, type YamlDocument } from "#src/resource/yaml.ts";
import { type CheckZone, renderZone } from "#src/resource/zone-text.ts";

/** How documents become objects. */
export interface Reading {
  readonly decode: Decoder;
  /** Reads zones as the server will, so that one that cannot be served is refused here. */
  readonly checkZone: CheckZone;
}

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
    return listItems(document.value).map(({ value, path }) => readObject(document, value, path, reading));
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
  const decoded = reading.decode(value);
  if (decoded.resource === undefined) {
    return {
      name: decoded.name,
      faults: decoded.faults.map(({ path, reason }) => ({ line: 1, path: formatPath(path), reason })),
    };
  }
  const faults = checkZone(decoded.resource, reading).map(({ line, reason }) => ({ line, path: "", reason }));
  if (faults.length > 0) return { name: resourceName(decoded.resource), faults };
  return { resource: decoded.resource, line: 1, lineOf: () => 1 };
}

function readObject(document: YamlDocument, value: unknown, prefix: Path, reading: Reading): DocumentObject {
  const lineOf = (path: Path): number => document.lineOf([...prefix, ...path]);
  const decoded = reading.decode(value);
  if (decoded.resource === undefined) {
    const faults = decoded.faults.map(({ path, reason }) => ({
      line: lineOf(path),
      path: formatPath([...prefix, ...path]),
      reason,
    }));
    return { name: decoded.name, faults };
  }
  const { resource } = decoded;
  const zoneFaults = checkZone(resource, reading);
  if (zoneFaults.length === 0) return { resource, line: lineOf([]), lineOf };
  const faults = zoneFaults.map(({ path, line, reason }) => ({
    line: lineOf(path) + line,
    path: formatPath([...prefix, ...path]),
    reason,
  }));
  return { name: resourceName(resource), faults };
}

/** Faults of a Zone's content; `line` counts within a zoneFile, 0 outside of one. */
function checkZone(resource: Resource, reading: Reading): (Fault & { readonly line: number })[] {
  if (resource.kind !== "Zone") return [];
  const zone = renderZone(resource);
  return reading.checkZone(zone).map(({ line, reason }) => ({ ...zone.placeOf(line), reason }));
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
