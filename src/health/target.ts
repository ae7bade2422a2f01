/** From a backend's configuration to what is probed. Main and data processes derive the same keys. */
import type { BackendConfig, EndpointConfig, HealthCheckConfig } from "#src/config/model.ts";
import type { MonitorTarget } from "./monitor.ts";

/** The key of an endpoint's verdict; "" when its backend asks for no probes. */
export function targetKey(endpoint: EndpointConfig, health: HealthCheckConfig): string {
  if (health.type === "none") return "";
  const { type, path, intervalMs, timeoutMs, rise, fall } = health;
  return `${type} ${endpoint.address} ${endpoint.port} ${type === "http" ? path : ""} ${intervalMs} ${timeoutMs} ${rise} ${fall}`;
}

/** Endpoints of a backend and how they are probed. */
export type Probed = Pick<BackendConfig, "id" | "endpoints" | "health">;

/** Every endpoint to probe, each once, however many backends name it. */
export function targetsOf(backends: Iterable<Probed>): MonitorTarget[] {
  const targets = new Map<string, MonitorTarget>();
  for (const { endpoints, health } of backends) {
    if (health.type === "none") continue;
    const { type, path, intervalMs, timeoutMs, rise, fall } = health;
    for (const endpoint of endpoints) {
      const key = targetKey(endpoint, health);
      const { address, port } = endpoint;
      targets.set(key, { key, address, port, type, path, intervalMs, timeoutMs, rise, fall });
    }
  }
  return [...targets.values()];
}
