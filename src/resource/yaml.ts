import {
  type Document,
  LineCounter,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  parseDocument,
  stringify,
  type Node,
} from "yaml";

/** A YAML document as plain data, with the lines that its parts stand on. JSON is YAML too. */
export interface YamlDocument {
  /** What could be read; undefined when there is nothing. Read even of a faulty text, as far as it goes. */
  readonly value: unknown;
  readonly faults: readonly { readonly line: number; readonly reason: string }[];
  /** Line (from 1) of the deepest part of the path that exists: the key of a mapping, the item of a sequence. */
  lineOf(path: readonly (string | number)[]): number;
}

/** More than this many alias expansions is taken for an attack ("billion laughs"). */
const MAX_ALIASES = 100;

/** Reads one document (see splitDocuments). Never throws: what cannot be read is a fault with its line. */
export function parseYaml(text: string): YamlDocument {
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: true,
      logLevel: "silent",
    });
    const faults = document.errors.map((error) => ({
      line: lines.linePos(error.pos[0]).line,
      reason: `not valid YAML: ${error.message}`,
    }));
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return { value, faults, lineOf: (path) => lineOf(document, lines, path) };
  } catch (error) {
    // Too many aliases, or nested so deep that the parser's stack is full (RangeError).
    return broken(1, `not valid YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function broken(line: number, reason: string): YamlDocument {
  return { value: undefined, faults: [{ line, reason }], lineOf: () => line };
}

function lineOf(document: Document, lines: LineCounter, path: readonly (string | number)[]): number {
  let node: Node | null = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const step of path) {
    const item: unknown = isMap(node)
      ? node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(step))
      : isSeq(node)
        ? node.items[Number(step)]
        : undefined;
    if (isPair(item)) {
      if (isNode(item.key)) offset = item.key.range?.[0] ?? offset;
      node = isNode(item.value) ? item.value : null;
    } else if (isNode(item)) {
      offset = item.range?.[0] ?? offset;
      node = item;
    } else break;
  }
  return lines.linePos(offset).line;
}

/** Writes YAML for people: no line folding, no anchors. */
export function formatYaml(value: unknown): string {
  return stringify(value, FORM);
}

/** The same for readers of YAML 1.1, as kubectl is: `off` is quoted, which it would take for false. */
export function formatManifest(value: unknown): string {
  return stringify(value, { ...FORM, compat: "yaml-1.1" });
}

const FORM = { lineWidth: 0, aliasDuplicateObjects: false } as const;
