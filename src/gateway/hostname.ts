/**
 * Host names that a listener and a route share (HTTPRoute.spec.hostnames): the more specific of each pair that
 * matches. "" and [] stand for every host; `*.example.com` matches one or more labels before `.example.com`, never
 * `example.com` itself. The result is lower case without repetitions; [""] is every host, [] is none.
 */
export function intersectHostnames(listener: string, routes: readonly string[]): string[] {
  if (routes.length === 0) return [listener.toLowerCase()];
  const shared = new Set<string>();
  for (const route of routes) {
    const both = intersect(listener.toLowerCase(), route.toLowerCase());
    if (both !== undefined) shared.add(both);
  }
  return [...shared];
}

function intersect(a: string, b: string): string | undefined {
  if (covers(a, b)) return b;
  if (covers(b, a)) return a;
  return undefined;
}

/** Whether every host that the second pattern matches is matched by the first. */
function covers(wide: string, narrow: string): boolean {
  if (wide === "" || wide === narrow) return true;
  if (!wide.startsWith("*.") || narrow === "") return false;
  return narrow.endsWith(wide.slice(1)) && narrow.length > wide.length - 1;
}
