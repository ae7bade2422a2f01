/** A client's connection to one server: hello, updates, commands, acknowledgements. Whom to follow is decided elsewhere. */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ClientObservation } from "./client-state.ts";
import { Connection, type EndReason } from "./connection.ts";
import { type CommandFrame, MAX_SERVER_FRAME_BYTES, type OfferFrame, PROTOCOL } from "./frame.ts";
import type { ServerFrame, UpdateFrame } from "./frame.ts";
import { asServerFrame } from "./frame-shape.ts";
import { type Held, HOLDS_NOTHING, stepFrom } from "./held.ts";
import type { ConfigReader } from "./reader.ts";

export interface ServerLinkOptions {
  /** Whom the server should take us for. */
  readonly name: string;
  /** Connected, connecting, or a TLS client before its handshake. */
  readonly socket: Duplex;
  readonly reader: ConfigReader;
  readonly silenceMs: number;
  /** The first frame, when the server asks who we are. */
  readonly token?: string;
  readonly onOpen: () => void;
  readonly onOffer?: (offer: OfferFrame) => void;
  /** May this update be taken? Absent: any. False: it goes on watching instead. */
  readonly accepts?: (update: UpdateFrame) => boolean;
  /** An update of this server is in use: to be acknowledged, here and elsewhere. */
  readonly onTaken: (update: UpdateFrame) => void;
  readonly onRefused?: (reason: string) => void;
  /** Once. */
  readonly onEnd: (reason: EndReason, detail?: string) => void;
}

export class ServerLink {
  readonly #options: ServerLinkOptions;
  readonly #connection: Connection<ServerFrame>;
  #isOpen = false;
  #isFollowing = false;
  /** What the next update is a step from: what the last hello told of, or what the last update led to. */
  #base: Held = HOLDS_NOTHING;

  constructor(options: ServerLinkOptions) {
    this.#options = options;
    const { socket } = options;
    this.#connection = new Connection<ServerFrame>({
      socket,
      maxFrameBytes: MAX_SERVER_FRAME_BYTES,
      read: asServerFrame,
      onFrame: (frame) => this.#onFrame(frame),
      onEnd: (reason, detail) => this.#onEnd(reason, detail),
      silenceMs: options.silenceMs,
      isQuiet: true,
    });
  }

  /** Goes on as soon as the stream is open, which it may be already. */
  start(): void {
    const { socket } = this.#options;
    const event = openEvent(socket);
    if (event === undefined) this.#onOpen();
    else socket.once(event, () => this.#onOpen());
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** Asks for updates. What is held is told by its digest when the server is known to have the same, else in full. */
  follow(digest?: string): void {
    this.#isFollowing = true;
    const { reader } = this.#options;
    // Behind the work in hand: what is being applied counts as held.
    reader.enqueue(() => {
      if (!this.#isFollowing) return;
      if (digest !== undefined && digest === reader.digest) this.#hello({ digest }, reader.held);
      else this.#helloWith(reader.held);
    });
  }

  /** Asks for offers only. */
  watch(): void {
    this.#isFollowing = false;
    this.#options.reader.enqueue(() => {
      if (!this.#isFollowing) this.#hello({}, HOLDS_NOTHING);
    });
  }

  acknowledge(): void {
    const { reader } = this.#options;
    if (reader.digest !== "") this.#connection.send(reader.ack);
  }

  observe(observation: ClientObservation): void {
    if (this.#isOpen) this.#connection.send({ type: "observed", ...observation });
  }

  sendToken(token: string): void {
    this.#connection.send({ type: "token", token });
  }

  close(): void {
    this.#connection.close();
  }

  #onOpen(): void {
    const { token, onOpen } = this.#options;
    this.#isOpen = true;
    if (token !== undefined) this.sendToken(token);
    onOpen();
  }

  #onEnd(reason: EndReason, detail?: string): void {
    this.#isOpen = false;
    this.#isFollowing = false;
    this.#options.onEnd(reason, detail);
  }

  #onFrame(frame: ServerFrame): void {
    const { reader, onOffer, onRefused } = this.#options;
    switch (frame.type) {
      case "update":
        return reader.enqueue(() => this.#take(frame));
      case "want":
        return reader.enqueue(() => {
          if (this.#isFollowing) this.#helloWith(reader.held);
        });
      case "command":
        return reader.enqueue(() => this.#command(frame));
      case "offer":
        return onOffer?.(frame);
      case "refused":
        return onRefused?.(frame.reason);
      case "ping":
        return;
    }
  }

  async #take(frame: UpdateFrame): Promise<void> {
    const { reader, accepts, onTaken } = this.#options;
    if (!this.#isFollowing) return;
    if (accepts?.(frame) === false) return this.watch();
    const base = this.#base;
    const next = stepFrom(base, frame);
    if (next === undefined) return this.#resync();
    this.#base = next;
    await reader.take(base, next, frame);
    onTaken(frame);
  }

  /** We and the server disagree about what we hold: ask for all of it; a server that contradicts itself is left. */
  #resync(): void {
    if (this.#base.entries.size === 0) this.close();
    else this.#helloWith(HOLDS_NOTHING);
  }

  async #command({ id, name, argument }: CommandFrame): Promise<void> {
    const outcomes = await this.#options.reader.command({ name, argument });
    this.#connection.send({ type: "result", id, outcomes });
  }

  #helloWith(held: Held): void {
    this.#hello({ have: Object.fromEntries(held.entries.values().map(({ key, version }) => [key, version])) }, held);
  }

  #hello(what: { readonly digest?: string; readonly have?: Readonly<Record<string, string>> }, base: Held): void {
    this.#base = base;
    const { name: client } = this.#options;
    this.#connection.send({ type: "hello", protocol: PROTOCOL, client, follow: this.#isFollowing, ...what });
  }
}

/** The event that says that frames may be written; undefined: they may. */
function openEvent(socket: Duplex): "connect" | "secureConnect" | undefined {
  if (!(socket instanceof Socket)) return undefined;
  if ("encrypted" in socket) return "secureConnect";
  return socket.connecting ? "connect" : undefined;
}
