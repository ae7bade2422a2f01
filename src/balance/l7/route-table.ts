/** The routes of one port, and the choice among them: the most specific listener, in it the most specific host, there the best match. */
import type { Message } from "#src/http/message.ts";
import type { Stage } from "#src/http/stage.ts";
import { removeDotSegments } from "./dot-segments.ts";
import type { HostTable } from "./host-table.ts";
import type { PathMatch, PathTable } from "./path-table.ts";

export interface RouteMatch extends PathMatch {
  readonly gateway: string;
  readonly route: string;
  /** Place of the rule in its route, and of the match in its rule. */
  readonly rule: number;
  readonly place: number;
  /** What the exchange goes on with. */
  readonly stages: readonly Stage[];
}

/** Listeners of one host name on one port. */
export interface ListenerRoutes {
  /** ListenerConfig.hostname. */
  readonly hostname: string;
  readonly gateway: string;
  readonly hosts: HostTable<PathTable<RouteMatch>>;
}

export class RouteTable {
  readonly #listeners: HostTable<ListenerRoutes>;
  /** Filled anew by each request. */
  readonly #found: ListenerRoutes[] = [];
  readonly #tables: PathTable<RouteMatch>[] = [];

  constructor(listeners: HostTable<ListenerRoutes>) {
    this.#listeners = listeners;
  }

  /**
   * The listener of the request's host. They are apart from each other: a less specific one never helps out. Undefined:
   * none stands for the host. Removes the dot segments of the path: all later steps read it as the backend will.
   */
  listenerOf(request: Message): ListenerRoutes | undefined {
    removeDotSegments(request);
    const found = this.#found;
    const count = this.#listeners.collect(request.bytes, request.authorityStart, request.hostEnd, found);
    return count === 0 ? undefined : found[count - 1];
  }

  matchOf(listener: ListenerRoutes, request: Message): RouteMatch | undefined {
    const tables = this.#tables;
    const count = listener.hosts.collect(request.bytes, request.authorityStart, request.hostEnd, tables);
    for (let i = count - 1; i >= 0; i--) {
      const match = tables[i]!.find(request);
      if (match !== undefined) return match;
    }
    return undefined;
  }
}
