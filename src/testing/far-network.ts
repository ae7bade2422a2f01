/**
 * Hosts that can be cut off without a word. The test enters a network of its own with a bridge in it; each host is a program
 * with its own network behind one port of the bridge. A cut moves the port to a second bridge that leads nowhere: no FIN,
 * no reset, no ICMP, and both sides still see their carrier, as with a switch that has died further on.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { enterOwnNetwork, ip } from "./network.ts";

/** Fixed: a bridge would take its lowest port's, which may be the one that is cut. */
const BRIDGE_ADDRESS = "02:00:00:00:00:01";
const IPV4 = "198.51.100.";
const IPV6 = "2001:db8::";

export class FarHost implements AsyncDisposable {
  readonly #program: ChildProcess;
  readonly #port: string;
  readonly name: string;
  /** By address family. */
  readonly address: Readonly<Record<4 | 6, string>>;

  private constructor(program: ChildProcess, name: string, number: number) {
    this.#program = program;
    this.#port = `port${number}`;
    this.name = name;
    this.address = { 4: `${IPV4}${number}`, 6: `${IPV6}${number}` };
  }

  /**
   * Runs a program that calls `joinFarNetwork` and sends "ready" when it listens. `number`, from 2 to 9, ends its addresses;
   * `name` is its argument.
   */
  static async start(program: string, name: string, number: number): Promise<FarHost> {
    const child = fork(program, [name], { execArgv: ["--no-warnings"] });
    const host = new FarHost(child, name, number);
    try {
      await heard(child, "entered");
      ip("link", "add", host.#port, "type", "veth", "peer", "name", "far", "netns", String(child.pid));
      ip("link", "set", host.#port, "master", "near", "up");
      child.send(host.address);
      await heard(child, "ready");
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  cut(): void {
    ip("link", "set", this.#port, "master", "nowhere");
  }

  mend(): void {
    ip("link", "set", this.#port, "master", "near");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#program.exitCode !== null || this.#program.signalCode !== null) return;
    const exit = once(this.#program, "exit");
    this.#program.kill("SIGKILL");
    await exit;
  }
}

/** For the test's process, before its first socket: the near end of the network, with the addresses that end in 1. */
export function enterFarNetwork(): void {
  enterOwnNetwork();
  ip("link", "add", "near", "address", BRIDGE_ADDRESS, "type", "bridge", "mcast_snooping", "0");
  ip("link", "add", "nowhere", "type", "bridge");
  ip("address", "add", `${IPV4}1/24`, "dev", "near");
  ip("address", "add", `${IPV6}1/64`, "dev", "near", "nodad");
  for (const bridge of ["near", "nowhere"]) ip("link", "set", bridge, "up");
}

/** For the host's program, before its first socket. It ends with the test. */
export async function joinFarNetwork(): Promise<void> {
  process.once("disconnect", () => process.exit());
  enterOwnNetwork();
  process.send?.("entered");
  const [address] = (await once(process, "message")) as [FarHost["address"]];
  ip("address", "add", `${address[4]}/24`, "dev", "far");
  ip("address", "add", `${address[6]}/64`, "dev", "far", "nodad");
  ip("link", "set", "far", "up");
}

async function heard(child: ChildProcess, wanted: string): Promise<void> {
  const ended = new AbortController();
  child.once("exit", () => ended.abort(new Error(`The host has ended before it was ${wanted}`)));
  const [message] = (await once(child, "message", { signal: ended.signal })) as [unknown];
  if (message !== wanted) throw new Error(`Cannot understand the host: ${String(message)}`);
}
