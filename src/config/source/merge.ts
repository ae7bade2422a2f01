import { resourceName } from "#src/resource/resource.ts";
import type { DocumentObject } from "./document.ts";
import type { Snapshot, SourceFault, SourceObject } from "./snapshot.ts";

/** What was read of one file. */
export interface FileContent {
  readonly file: string;
  readonly documents: readonly { readonly line: number; readonly objects: readonly DocumentObject[] }[];
  /** Why the file as a whole could not be read. */
  readonly failure: string | undefined;
}

/**
 * Joins the files to one snapshot. An object that is not valid keeps its version of the previous snapshot; where a
 * document does not even say which object it is, every object of that file that is not elsewhere stays. Objects that
 * are gone without such a doubt are gone. Of one object defined twice the first counts.
 */
export function mergeFiles(files: readonly FileContent[], previous: Snapshot): Snapshot {
  const objects = new Map<string, SourceObject>();
  const faults: SourceFault[] = [];
  const doubtfulNames = new Set<string>();
  const doubtfulFiles = new Set<string>();
  for (const { file, documents, failure } of files) {
    if (failure !== undefined) {
      faults.push({ file, line: 0, path: "", reason: failure });
      doubtfulFiles.add(file);
    }
    for (const { line: begin, objects: read } of documents) {
      for (const object of read) {
        if (object.resource === undefined) {
          for (const fault of object.faults) faults.push({ file, ...fault, line: begin - 1 + fault.line });
          if (object.name === undefined) doubtfulFiles.add(file);
          else doubtfulNames.add(object.name);
          continue;
        }
        const { resource, lineOf } = object;
        const name = resourceName(resource);
        const line = begin - 1 + object.line;
        const first = objects.get(name);
        if (first !== undefined) {
          faults.push({
            file,
            line,
            path: "metadata.name",
            reason: `${name} is defined already, in ${first.file}:${first.line}`,
          });
        } else objects.set(name, { resource, file, line, lineOf: (path) => begin - 1 + lineOf(path) });
      }
    }
  }
  for (const object of previous.objects) {
    const name = resourceName(object.resource);
    if (!objects.has(name) && (doubtfulNames.has(name) || isIn(object.file, doubtfulFiles))) objects.set(name, object);
  }
  return { objects: [...objects.values()], faults };
}

/** Whether the file is one of those, or lies in one of those directories. */
function isIn(file: string, places: ReadonlySet<string>): boolean {
  if (places.has(file)) return true;
  for (const place of places) if (file.startsWith(`${place}/`)) return true;
  return false;
}
