/** The routes of one port, and the choice among them: the most specific listener, in it the most specific host, there the best match. */
import type { Message } from "#src/http/message.ts";
import type { Stage } from "#src/http/stage.ts";
import { lower } from "./byte-map.ts";
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

/** RFC 1035 section 2.3.4. */
const MAX_NAME = 255;

export class RouteTable {
  readonly #listeners: HostTable<ListenerRoutes>;
  /** Filled anew by each request. */
  readonly #found: ListenerRoutes[] = [];
  readonly #tables: PathTable<RouteMatch>[] = [];
  /** The last server name that was looked up, and its listener: requests of one connection follow each other. */
  #serverName: string | undefined = undefined;
  #serverListener: ListenerRoutes | undefined = undefined;
  readonly #nameBytes = Buffer.alloc(MAX_NAME);

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

  /**
   * The listener that a TLS connection is for: the one whose certificate its client was shown. `serverName` is its SNI in
   * lower case, "" when there was none. Undefined: none stands for the name any more.
   */
  listenerNamed(serverName: string): ListenerRoutes | undefined {
    if (serverName !== this.#serverName) {
      const length = this.#nameBytes.write(serverName, "latin1");
      const count = this.#listeners.collect(this.#nameBytes, 0, length, this.#found);
      this.#serverName = serverName;
      this.#serverListener = count === 0 ? undefined : this.#found[count - 1];
    }
    return this.#serverListener;
  }

  /**
   * Whether a request for `listener` has come over a TLS connection that is for another one: its client uses it again,
   * since the certificate has the host's name too (RFC 9110 section 15.5.20, Gateway API's Listener.hostname).
   */
  isMisdirected(listener: ListenerRoutes, request: Message, serverName: string): boolean {
    if (this.#listeners.isForAll || isHost(request, serverName)) return false;
    return this.listenerNamed(serverName) !== listener;
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

/** Whether the request's host is this name in lower case. */
function isHost({ bytes, authorityStart, hostEnd }: Message, name: string): boolean {
  if (hostEnd - authorityStart !== name.length) return false;
  for (let i = 0; i < name.length; i++) if (lower(bytes[authorityStart + i]!) !== name.charCodeAt(i)) return false;
  return true;
}
