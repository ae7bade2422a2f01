import { type FSWatcher, watch } from "node:fs";

/** Watches a changing set of directories, each by inotify. */
export interface DirectoryWatch extends Disposable {
  /** Watches exactly these from now on; returns why some cannot be watched. */
  update(directories: readonly string[]): { readonly file: string; readonly reason: string }[];
}

/** Calls `onEvent` for anything that happens to an entry of a watched directory; the name is not always known. */
export function watchDirectories(onEvent: (directory: string, name: string | null) => void): DirectoryWatch {
  const watchers = new Map<string, FSWatcher>();
  const drop = (directory: string): void => {
    watchers.get(directory)?.close();
    watchers.delete(directory);
  };
  return {
    update(directories) {
      const wanted = new Set(directories);
      for (const directory of watchers.keys()) if (!wanted.has(directory)) drop(directory);
      const faults: { file: string; reason: string }[] = [];
      for (const directory of wanted) {
        if (watchers.has(directory)) continue;
        try {
          const watcher = watch(directory, (_event, name) => {
            // The directory itself was moved or removed: what watches it follows the old one, not its name.
            if (name === null || directory.endsWith(`/${name}`)) drop(directory);
            onEvent(directory, name);
          });
          watcher.on("error", () => {
            drop(directory);
            onEvent(directory, null);
          });
          watchers.set(directory, watcher);
        } catch (error) {
          faults.push({
            file: directory,
            reason: `cannot be watched: ${error instanceof Error ? error.message : String(error)}`,
          });
        }
      }
      return faults;
    },
    [Symbol.dispose]() {
      for (const directory of watchers.keys()) drop(directory);
    },
  };
}
