/** Chooses the rule of a request: the most specific listener, in it the most specific host, there the best match. */
import type { Exchange } from "#src/http/exchange.ts";
import type { Message } from "#src/http/message.ts";
import { METHOD } from "#src/http/method.ts";
import type { Stage } from "#src/http/stage.ts";
import { removeDotSegments } from "./dot-segments.ts";
import type { HostTable } from "./host-table.ts";
import type { PathMatch, PathTable } from "./path-table.ts";

export interface RouteMatch extends PathMatch {
  readonly gateway: string;
  readonly route: string;
  /** What the exchange goes on with. */
  readonly stages: readonly Stage[];
}

/** Listeners of one host name on one port. */
export interface ListenerRoutes {
  readonly gateway: string;
  readonly hosts: HostTable<PathTable<RouteMatch>>;
}

export class RouteStage implements Stage {
  readonly #listeners: HostTable<ListenerRoutes>;
  /** Filled anew by each request. */
  readonly #found: ListenerRoutes[] = [];
  readonly #tables: PathTable<RouteMatch>[] = [];

  constructor(listeners: HostTable<ListenerRoutes>) {
    this.#listeners = listeners;
  }

  onRequest(exchange: Exchange): "next" | "done" {
    const { request, notes } = exchange;
    if (request.method === METHOD.CONNECT) return refuse(exchange, 501, "Not Implemented\n", "connectMethod");
    removeDotSegments(request);
    const count = this.#listeners.collect(request.bytes, request.authorityStart, request.hostEnd, this.#found);
    if (count === 0) return refuse(exchange, 404, "Not Found\n", "noListener");
    // Listeners are apart from each other: a less specific one never helps out.
    const listener = this.#found[count - 1]!;
    notes.gateway = listener.gateway;
    const match = this.#match(listener, request);
    if (match === undefined) return refuse(exchange, 404, "Not Found\n", "noRoute");
    notes.gateway = match.gateway;
    notes.route = match.route;
    exchange.follow(match.stages);
    return "next";
  }

  #match(listener: ListenerRoutes, request: Message): RouteMatch | undefined {
    const tables = this.#tables;
    const count = listener.hosts.collect(request.bytes, request.authorityStart, request.hostEnd, tables);
    for (let i = count - 1; i >= 0; i--) {
      const match = tables[i]!.find(request);
      if (match !== undefined) return match;
    }
    return undefined;
  }
}

function refuse(exchange: Exchange, status: number, text: string, reason: string): "done" {
  exchange.notes.reason = reason;
  exchange.respondText(status, text, undefined);
  return "done";
}
