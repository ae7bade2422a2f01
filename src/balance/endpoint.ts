/** One address of a backend, as this process sees it. It keeps its identity and state while configuration changes around it. */
import type { EndpointConfig } from "#src/config/model.ts";
import type { Address } from "#src/net/address.ts";

export class Endpoint {
  readonly address: Address;
  /** `192.0.2.1:80` or `[2001:db8::1]:80`: its name in logs, notes and hashing. */
  readonly text: string;
  weight: number;
  /** False: known, but not to be given new work. */
  ready: boolean;
  /** Number of its health word, -1 when it is not probed. */
  target = -1;
  /** Requests, connections or sessions of this process. */
  inFlight = 0;
  /** Failures since the last success. */
  failures = 0;
  /** Times it was ejected since the last success. */
  ejections = 0;
  /** Not chosen before this time, in the clock's milliseconds. */
  ejectedUntil = 0;

  constructor(config: EndpointConfig) {
    const family = config.address.includes(":") ? 6 : 4;
    this.address = { family, host: config.address, port: config.port };
    this.text = endpointText(config);
    this.weight = config.weight;
    this.ready = config.ready;
  }
}

/** Host and port as in a URL's authority. */
export function endpointText(config: EndpointConfig): string {
  return config.address.includes(":") ? `[${config.address}]:${config.port}` : `${config.address}:${config.port}`;
}
