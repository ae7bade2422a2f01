/** Chooses the rule of a request, whose stages go on with it. */
import type { Exchange } from "#src/http/exchange.ts";
import { METHOD } from "#src/http/method.ts";
import type { Stage } from "#src/http/stage.ts";
import type { RouteTable } from "./route-table.ts";

export class RouteStage implements Stage {
  readonly #routes: RouteTable;

  constructor(routes: RouteTable) {
    this.#routes = routes;
  }

  onRequest(exchange: Exchange): "next" | "done" {
    const { request, notes, tls } = exchange;
    if (request.method === METHOD.CONNECT) return refuse(exchange, 501, "Not Implemented\n", "connectMethod");
    const listener = this.#routes.listenerOf(request);
    if (listener === undefined) return refuse(exchange, 404, "Not Found\n", "noListener");
    notes.gateway = listener.gateway;
    if (tls !== undefined && this.#routes.isMisdirected(listener, request, tls.serverName)) {
      return refuse(exchange, 421, "Misdirected Request\n", "misdirected");
    }
    const match = this.#routes.matchOf(listener, request);
    if (match === undefined) return refuse(exchange, 404, "Not Found\n", "noRoute");
    notes.gateway = match.gateway;
    notes.route = match.route;
    exchange.follow(match.stages);
    return "next";
  }
}

function refuse(exchange: Exchange, status: number, text: string, reason: string): "done" {
  exchange.notes.reason = reason;
  exchange.respondText(status, text, undefined);
  return "done";
}
