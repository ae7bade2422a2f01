/** Where programs lie that are started by their file: sources in a clone, one bundled file each in an image. */
import { extname } from "node:path";

/** `.ts` in a clone, `.mjs` in an image. */
export const PROGRAM_EXTENSION: string = extname(import.meta.filename);
