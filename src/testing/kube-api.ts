/**
 * An API server in small: lists in pages, watches with bookmarks, server-side apply (without owners of fields), merge
 * patches with preconditions; and all that can go wrong with a real one, on demand. Plain HTTP on loopback.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isDeepStrictEqual } from "node:util";

type Json = Record<string, unknown>;

/** An object as the fake has it. */
export interface Stored extends Json {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Json & {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

interface Change {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: Stored;
  readonly collection: string;
}

interface Place {
  /** Path of the collection over all namespaces, which is its identity. */
  readonly collection: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

interface Watcher {
  readonly response: ServerResponse;
  readonly place: Place;
  readonly selects: (object: Stored) => boolean;
  silent: boolean;
}

/** What a request is answered with in place of the right answer; undefined: nothing, the request hangs. */
export interface FakeAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

export class FakeKubeApi implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  /** Asked before each request is served: an answer, `hang`, `cut`, or nothing. */
  intercept: (request: SeenRequest) => FakeAnswer | "hang" | "cut" | undefined = () => undefined;
  readonly #server: Server;
  readonly #objects = new Map<string, Map<string, Stored>>();
  readonly #snapshots = new Map<string, { readonly items: readonly Stored[]; readonly version: number }>();
  readonly #watchers = new Set<Watcher>();
  #changes: Change[] = [];
  #version = 100;
  /** Changes up to here are forgotten. */
  #compacted = 0;
  #uids = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response));
  }

  static async start(host = "127.0.0.1", port = 0): Promise<FakeKubeApi> {
    const api = new FakeKubeApi(createServer());
    api.#server.listen(port, host);
    await once(api.#server, "listening");
    return api;
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  get version(): number {
    return this.#version;
  }

  /** Makes a kind known: `/apis/GROUP/VERSION/PLURAL`. Requests about others are answered with 404. */
  serveKind(collection: string): void {
    if (!this.#objects.has(collection)) this.#objects.set(collection, new Map());
  }

  /** The kind is not known any more; its watches end. */
  forgetKind(collection: string): void {
    this.#objects.delete(collection);
    for (const watcher of this.#watchers) if (watcher.place.collection === collection) watcher.response.end();
  }

  objects(collection: string): ReadonlyMap<string, Stored> {
    return this.#objects.get(collection) ?? new Map();
  }

  /** Makes or replaces an object. */
  put(collection: string, object: Json): Stored {
    const metadata = object["metadata"] as Json & { name: string; namespace?: string };
    const key = `${metadata.namespace ?? ""}/${metadata.name}`;
    const all = this.#objects.get(collection)!;
    const last = all.get(key);
    const resourceVersion = String((this.#version += 1));
    const uid = last?.metadata.uid ?? `uid-${(this.#uids += 1)}`;
    const own = {
      uid,
      resourceVersion,
      ...(collection.startsWith("/apis/") && { generation: generationOf(object, last) }),
    };
    const stored = { ...object, metadata: { ...metadata, ...own } } as Stored;
    all.set(key, stored);
    this.#record({ version: this.#version, type: last ? "MODIFIED" : "ADDED", object: stored, collection });
    return stored;
  }

  delete(collection: string, key: string): void {
    const all = this.#objects.get(collection)!;
    const last = all.get(key);
    if (last === undefined) return;
    all.delete(key);
    const version = (this.#version += 1);
    const object = { ...last, metadata: { ...last.metadata, resourceVersion: String(version) } };
    this.#record({ version, type: "DELETED", object, collection });
  }

  /** Forgets all changes until now, and all lists that are being read. */
  compact(): void {
    this.#changes = [];
    this.#snapshots.clear();
    this.#compacted = this.#version;
  }

  /** Sends a bookmark on every stream. */
  bookmark(): void {
    for (const { response, silent } of this.#watchers) {
      const object = { kind: "X", metadata: { resourceVersion: String(this.#version) } };
      if (!silent) response.write(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
    }
  }

  /** Streams stay open, and nothing comes any more. */
  silence(): void {
    for (const watcher of this.#watchers) watcher.silent = true;
  }

  /** Breaks every stream, amid what is sent or at its end. */
  cut(how: "end" | "reset"): void {
    for (const { response } of this.#watchers) {
      if (how === "end") response.end();
      else response.destroy();
    }
    this.#watchers.clear();
  }

  /** Sends text on every stream as it is. */
  write(text: string): void {
    for (const { response } of this.#watchers) response.write(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, "close");
  }

  #record(change: Change): void {
    this.#changes.push(change);
    for (const watcher of this.#watchers) send(watcher, change);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = (await request.toArray()).join("");
    const url = new URL(request.url!, this.url);
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    const seen = { method: request.method!, url, headers: request.headers, body };
    this.requests.push(seen);
    const instead = this.intercept(seen);
    if (instead === "hang") return;
    if (instead === "cut") return void response.destroy();
    if (instead !== undefined) {
      response.writeHead(instead.status, { "content-type": "application/json", ...instead.headers });
      return void response.end(instead.body);
    }
    const place = this.#placeOf(url.pathname);
    if (place === undefined) {
      response.writeHead(404, { "content-type": "text/plain" });
      return void response.end("404 page not found\n");
    }
    if (seen.method !== "GET") this.#change(seen, place, response);
    else if (place.name !== "") this.#get(place, response);
    else if (url.searchParams.get("watch") === "true") this.#watch(url, place, response);
    else this.#list(url, place, response);
  }

  #placeOf(path: string): Place | undefined {
    const match =
      /^(?<root>\/api\/[^/]+|\/apis\/[^/]+\/[^/]+)(\/namespaces\/(?<namespace>[^/]+)(?=\/))?\/(?<plural>[^/]+)(\/(?<name>[^/]+))?(\/(?<subresource>[^/]+))?$/.exec(
        path,
      )?.groups;
    if (match === undefined) return undefined;
    const { root, plural, namespace = "", name = "", subresource = "" } = match;
    const collection = `${root}/${plural}`;
    return this.#objects.has(collection) ? { collection, namespace, name, subresource } : undefined;
  }

  #list(url: URL, place: Place, response: ServerResponse): void {
    const limit = Number(url.searchParams.get("limit") ?? 0);
    const token = url.searchParams.get("continue");
    const [id, at = "0"] = token?.split(":") ?? [];
    const known = id === undefined ? this.#snapshot(url, place) : this.#snapshots.get(id);
    if (known === undefined) return status(response, 410, "Expired", "the provided continue parameter is too old");
    const end = limit === 0 ? known.items.length : Number(at) + limit;
    const next = end < known.items.length ? `${id ?? this.#keep(known)}:${end}` : "";
    const items = known.items.slice(Number(at), end);
    json(response, 200, { kind: "List", metadata: { resourceVersion: String(known.version), continue: next }, items });
  }

  #snapshot(url: URL, place: Place): { items: Stored[]; version: number } {
    const all = [...this.objects(place.collection).values()];
    return { items: all.filter(selector(url, place)), version: this.#version };
  }

  #keep(snapshot: { readonly items: readonly Stored[]; readonly version: number }): string {
    const id = `s${this.requests.length}`;
    this.#snapshots.set(id, snapshot);
    return id;
  }

  #watch(url: URL, place: Place, response: ServerResponse): void {
    const from = Number(url.searchParams.get("resourceVersion"));
    if (from < this.#compacted) {
      const gone = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };
      // A real one does either.
      if (this.requests.length % 2 === 0) return json(response, 410, gone);
      response.writeHead(200, { "content-type": "application/json" });
      return void response.end(`${JSON.stringify({ type: "ERROR", object: gone })}\n`);
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const watcher = { response, place, selects: selector(url, place), silent: false };
    this.#watchers.add(watcher);
    response.once("close", () => this.#watchers.delete(watcher));
    for (const change of this.#changes) if (change.version > from) send(watcher, change);
  }

  #get(place: Place, response: ServerResponse): void {
    const object = this.objects(place.collection).get(`${place.namespace}/${place.name}`);
    if (object === undefined) status(response, 404, "NotFound", `${place.name} not found`);
    else json(response, 200, object);
  }

  #change({ method, headers, body }: SeenRequest, place: Place, response: ServerResponse): void {
    const given = body as Json & { metadata: Json; preconditions?: Json };
    const name = place.name === "" ? String(given.metadata["name"]) : place.name;
    const key = `${place.namespace}/${name}`;
    const last = this.objects(place.collection).get(key);
    const isApply = headers["content-type"] === "application/apply-patch+yaml";
    if (method === "POST" && last !== undefined)
      return status(response, 409, "AlreadyExists", `${name} already exists`);
    if (last === undefined && method !== "POST" && !isApply)
      return status(response, 404, "NotFound", `${name} not found`);
    const asked = method === "DELETE" ? (given.preconditions ?? {}) : given.metadata;
    for (const field of ["uid", "resourceVersion"]) {
      if (last !== undefined && asked[field] !== undefined && asked[field] !== last.metadata[field])
        return status(response, 409, "Conflict", `the object has been modified: ${field}`);
    }
    if (last === undefined && asked["resourceVersion"] !== undefined)
      return status(response, 409, "Conflict", "there is no object of that version");
    if (method === "DELETE") {
      this.delete(place.collection, key);
      return json(response, 200, { kind: "Status", status: "Success" });
    }
    const namespace = place.namespace === "" ? {} : { namespace: place.namespace };
    const merged = method === "PUT" ? given : (mergePatch(last ?? {}, given) as Json);
    const metadata = { ...(merged["metadata"] as Json), ...namespace, name };
    json(response, last === undefined ? 201 : 200, this.put(place.collection, { ...merged, metadata }));
  }
}

/** Counts the changes of all but metadata and status. */
function generationOf(object: Json, last: Stored | undefined): number {
  const isSame = last !== undefined && isDeepStrictEqual(object["spec"], last["spec"]);
  return Number(last?.metadata["generation"] ?? 0) + (isSame ? 0 : 1);
}

/** RFC 7396. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const merged: Json = typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

function selector(url: URL, { namespace }: Place): (object: Stored) => boolean {
  const [field, value] = (url.searchParams.get("fieldSelector") ?? "").split("=");
  const [label, wanted] = (url.searchParams.get("labelSelector") ?? "").split("=");
  return (object) =>
    (namespace === "" || object.metadata.namespace === namespace) &&
    (value === undefined || object[field!] === value) &&
    (wanted === undefined || (object.metadata["labels"] as Json | undefined)?.[label!] === wanted);
}

function send({ response, place, selects, silent }: Watcher, { type, object, collection }: Change): void {
  if (!silent && collection === place.collection && selects(object))
    response.write(`${JSON.stringify({ type, object })}\n`);
}

function status(response: ServerResponse, code: number, reason: string, message: string): void {
  json(response, code, { kind: "Status", apiVersion: "v1", code, reason, message });
}

function json(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
