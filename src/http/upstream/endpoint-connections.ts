/** The connections of one process to one endpoint: idle ones, last used first, and requests that wait for one. */
import type { Endpoint } from "#src/balance/endpoint.ts";
import type { Call } from "./call.ts";
import type { ClientConnection } from "./client-connection.ts";

export class EndpointConnections {
  readonly endpoint: Endpoint;
  readonly idle: ClientConnection[] = [];
  /** In order of arrival. */
  readonly waiting: Call[] = [];
  /** Open ones, idle and connecting ones included. */
  open = 0;
  /** The endpoint has left the configuration: nothing is kept any more. */
  isGone = false;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  forgetIdle(connection: ClientConnection): void {
    const index = this.idle.lastIndexOf(connection);
    if (index >= 0) this.idle.splice(index, 1);
  }

  forgetWaiting(call: Call): void {
    const index = this.waiting.indexOf(call);
    if (index >= 0) this.waiting.splice(index, 1);
  }
}
