/** One document of a YAML stream. */
export interface DocumentText {
  readonly text: string;
  /** Line of the file that the text begins on, from 1. */
  readonly line: number;
}

/**
 * Splits a YAML stream at its document markers without parsing it. YAML 1.2 section 9.1.4: a line that begins with
 * `---` or `...` and then white space is a marker wherever it stands, even within a block scalar, so that the split
 * is exact, and a document whose text did not change need not be parsed again. Documents with nothing but comments
 * are left out.
 */
export function splitDocuments(stream: string): DocumentText[] {
  const documents: DocumentText[] = [];
  let begin = 0;
  let beginLine = 1;
  let line = 1;
  const close = (end: number): void => {
    const text = stream.slice(begin, end);
    if (/^[^\S\n]*[^#\s]/m.test(text)) documents.push({ text, line: beginLine });
  };
  for (let at = 0; at < stream.length; line++) {
    const newline = stream.indexOf("\n", at);
    const next = newline === -1 ? stream.length : newline + 1;
    const mark = stream.startsWith("---", at) || stream.startsWith("...", at);
    if (mark && (at + 3 === stream.length || " \t\r\n".includes(stream[at + 3]!))) {
      close(at);
      // What stands on the marker's own line (`--- {a: 1}`) belongs to the document; a comment there does no harm.
      begin = at + 3;
      beginLine = line;
    }
    at = next;
  }
  close(stream.length);
  return documents;
}
