import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A way to a TCP server that can be broken: `cut` ends and refuses connections, `silent` lets nothing through. */
export class CuttableProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #mode: "open" | "cut" | "silent" = "open";

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(target: { readonly host: string; readonly port: number }, host: string): Promise<CuttableProxy> {
    const server = createServer({ allowHalfOpen: true });
    const proxy = new CuttableProxy(server);
    server.on("connection", (socket) => proxy.#join(socket, connect({ ...target, allowHalfOpen: true })));
    server.listen(0, host);
    await once(server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  set mode(mode: "open" | "cut" | "silent") {
    this.#mode = mode;
    for (const [a, b] of this.#pairs) {
      if (mode === "cut") a.destroy();
      else if (mode === "silent") this.#hold(a, b);
      else this.#release(a, b);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.mode = "cut";
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(a: Socket, b: Socket): void {
    const pair = [a, b] as const;
    for (const [own, other] of [
      [a, b],
      [b, a],
    ] as const) {
      own.on("error", () => other.destroy());
      own.on("close", () => {
        this.#pairs.delete(pair);
        other.destroy();
      });
    }
    if (this.#mode === "cut") return void a.destroy();
    this.#pairs.add(pair);
    this.#release(a, b);
    if (this.#mode === "silent") this.#hold(a, b);
  }

  #release(a: Socket, b: Socket): void {
    a.pipe(b);
    b.pipe(a);
  }

  #hold(a: Socket, b: Socket): void {
    a.unpipe(b);
    b.unpipe(a);
    a.pause();
    b.pause();
  }
}
