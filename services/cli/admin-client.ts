/** Asking services' admin endpoints on this machine. */
export const ADMIN_PORTS: Readonly<Record<string, number>> = { dns: 9641, resolver: 9642, edge: 9643, balancer: 9644 };

const TIMEOUT_MS = 2_000;

/** The JSON at `path` of a service, or the reason why there is none. */
export async function askAdmin(
  host: string,
  port: number,
  path: string,
): Promise<{ value: unknown } | { reason: string }> {
  const bracketed = host.includes(":") ? `[${host}]` : host;
  try {
    const response = await fetch(`http://${bracketed}:${port}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) return { reason: `status ${response.status}: ${(await response.text()).trim()}` };
    const value: unknown = await response.json();
    return { value };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { reason: cause instanceof Error ? cause.message : String(cause) };
  }
}
