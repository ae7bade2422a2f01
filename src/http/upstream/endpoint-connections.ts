/** The connections of one process to one endpoint: idle ones, last used first, and requests that wait for one. */
import type { Endpoint } from "#src/balance/endpoint.ts";
import type { Call } from "./call.ts";
import type { ClientConnection } from "./client-connection.ts";

export class EndpointConnections {
  readonly endpoint: Endpoint;
  /** All of them, connecting and idle ones included. */
  readonly open = new Set<ClientConnection>();
  readonly idle: ClientConnection[] = [];
  /** In order of arrival. */
  readonly waiting: Call[] = [];
  /** The endpoint has left the configuration: nothing is kept any more. */
  isGone = false;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** The connection that was used last: the others may then be closed for want of use. */
  takeIdle(): ClientConnection | undefined {
    for (;;) {
      const connection = this.idle.pop();
      // One that broke in this very batch has not been told yet.
      if (connection === undefined || connection.isUsable) return connection;
    }
  }

  forget(connection: ClientConnection): void {
    this.open.delete(connection);
    const index = this.idle.lastIndexOf(connection);
    if (index >= 0) this.idle.splice(index, 1);
  }

  forgetWaiting(call: Call): void {
    if (this.waiting.length === 0) return;
    const index = this.waiting.indexOf(call);
    if (index >= 0) this.waiting.splice(index, 1);
  }
}
