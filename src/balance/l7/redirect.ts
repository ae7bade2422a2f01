/** Answers with a redirect (Gateway API, HTTPRequestRedirectFilter): what the filter does not name is the request's own. */
import type { HttpFilterConfig } from "#src/config/model.ts";
import type { Exchange } from "#src/http/exchange.ts";
import { FIELD } from "#src/http/field.ts";
import { FieldEdits } from "#src/http/field-edits.ts";
import type { Message } from "#src/http/message.ts";
import type { Stage } from "#src/http/stage.ts";
import { statusText } from "#src/http/status-text.ts";
import { compilePath, modifiedTarget, type CompiledPath } from "./path-modifier.ts";

type RedirectConfig = Extract<HttpFilterConfig, { readonly type: "RequestRedirect" }>;

const LOCATION = Buffer.from("location");
const WELL_KNOWN: Readonly<Record<string, number>> = { http: 80, https: 443 };

export class RedirectStage implements Stage {
  readonly #config: RedirectConfig;
  readonly #port: number;
  readonly #path: CompiledPath | undefined;
  readonly #text: string;
  readonly #edits = new FieldEdits();

  /** `matched`: value of the path match that leads here. */
  constructor(config: RedirectConfig, listenerPort: number, matched: string) {
    this.#config = config;
    // A port that is not told follows from a scheme that is, and else is the listener's.
    this.#port = config.port || (WELL_KNOWN[config.scheme.toLowerCase()] ?? listenerPort);
    this.#path = config.path === undefined ? undefined : compilePath(config.path, matched);
    this.#text = `${statusText(config.status)}\n`;
  }

  onRequest(exchange: Exchange): "done" {
    const edits = this.#edits;
    edits.clear();
    edits.addBytes({ id: FIELD.location, name: LOCATION, value: this.#location(exchange) });
    exchange.respondText(this.#config.status, this.#text, edits);
    return "done";
  }

  #location(exchange: Exchange): Uint8Array {
    const { request } = exchange;
    const scheme = this.#config.scheme.toLowerCase() || (request.secure ? "https" : "http");
    const host = this.#config.hostname || hostOf(request, exchange);
    const port = this.#port === WELL_KNOWN[scheme] ? "" : `:${this.#port}`;
    return Buffer.from(`${scheme}://${host}${port}${this.#target(request)}`, "latin1");
  }

  #target(request: Message): string {
    const target = this.#path === undefined ? undefined : modifiedTarget(this.#path, request);
    if (target !== undefined) return Buffer.from(target.buffer).toString("latin1");
    const own = request.target;
    return own.startsWith("/") ? own : "/";
  }
}

/** An HTTP/1.0 request may come without a host: then it is where the client has connected to. */
function hostOf(request: Message, exchange: Exchange): string {
  if (request.hostEnd > request.authorityStart) return request.text(request.authorityStart, request.hostEnd);
  const { family, host } = exchange.local;
  return family === 6 ? `[${host}]` : host;
}
