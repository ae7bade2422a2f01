/** `fairway`, as it is started: with Node's compile cache, from which the program loads in half the time. */
import { enableCompileCache } from "node:module";
import { compileCacheFolder } from "#src/process/compile-cache.ts";

enableCompileCache(compileCacheFolder(process.env));
await import("./program.ts");
