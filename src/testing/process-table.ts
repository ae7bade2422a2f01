/** What the kernel knows of running processes, from /proc. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** One that has ended and that nobody has reaped yet does not run either; one of which any thread is left does, and has its sockets. */
export function isRunning(pid: number): boolean {
  return statOf(pid) !== undefined;
}

/** Of a process, of its children, and of theirs; without those that have ended. */
export function treeOf(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? statOf(pid) : undefined;
    if (stat !== undefined) parents.set(pid, stat.parent);
  }
  const tree = parents.has(root) ? [root] : [];
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  return tree;
}

/** What its descriptors refer to: paths, `socket:[INODE]`, `anon_inode:[eventpoll]`. */
export function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(`${folder}/${fd}`)];
    } catch {
      // Closed meanwhile.
      return [];
    }
  });
}

/** The ports at the other end of a process's established TCP connections at this port of its own. */
export function clientPortsOf(pid: number, ownPort: number): Set<number> {
  const own = new Set(descriptorsOf(pid));
  const ports = new Set<number>();
  for (const table of ["tcp", "tcp6"]) {
    for (const line of readFileSync(`/proc/${pid}/net/${table}`, "latin1").split("\n").slice(1)) {
      const [, local = "", remote = "", state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === ESTABLISHED && portOf(local) === ownPort && own.has(`socket:[${inode}]`)) ports.add(portOf(remote));
    }
  }
  return ports;
}

const ESTABLISHED = "01";
const portOf = (address: string): number => Number.parseInt(address.slice(address.lastIndexOf(":") + 1), 16);

function statOf(pid: number): { readonly parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const isOver = state === "X" || (state === "Z" && readdirSync(`/proc/${pid}/task`).length <= 1);
    return isOver ? undefined : { parent: Number(parent) };
  } catch {
    return undefined;
  }
}
