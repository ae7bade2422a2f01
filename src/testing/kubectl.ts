/** The cluster of the e2e tests, by the programs that a user has: kubectl, and the command that made it. */
import { runProgram } from "./run-program.ts";
import { until } from "./until.ts";

export function kubectl(...args: readonly string[]): Promise<string> {
  return runProgram("kubectl", args);
}

/** Server-side, as YAML or JSON. */
export async function apply(text: string): Promise<void> {
  await runProgram("kubectl", ["apply", "--server-side", "--force-conflicts", "-f", "-"], { input: text });
}

/** An object, or those of a kind, as the API server has them. */
export async function getObject<T>(...args: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl("get", ...args, "-o", "json")) as T;
}

/** `kind/name` has the condition, for the generation that it is at. */
export async function waitFor(condition: string, namespace: string, name: string): Promise<void> {
  await kubectl("-n", namespace, "wait", `--for=condition=${condition}`, name, "--timeout=60s");
}

/** Runs a program where clients are. */
export type Place = (program: string, ...args: readonly string[]) => Promise<string>;

/** The machine that the cluster runs on. */
export const here: Place = (program, ...args) => runProgram(program, args, { timeoutMs: 30_000 });

/** The plain host `client` of the cluster's network. */
export const onLan: Place = (program, ...args) =>
  runProgram(clusterCommand(), ["in", "client", program, ...args], { timeoutMs: 30_000 });

function clusterCommand(): string {
  const command = process.env["FAIRWAY_CLUSTER"];
  if (command === undefined) throw new Error("Cannot run this test: set FAIRWAY_CLUSTER (see src/testing/e2e.ts)");
  return command;
}

interface Gateway {
  readonly spec: { readonly listeners: readonly { readonly protocol: string; readonly port: number }[] };
  readonly status?: { readonly addresses?: readonly { readonly value: string }[] };
}

/**
 * The first address that a Gateway says it has, once it is programmed and its TCP ports are reached from all places:
 * kube-proxy and whoever announces the address are not asked by anyone, and take up to a second more.
 */
export async function addressOf(namespace: string, gateway: string): Promise<string> {
  await waitFor("Programmed", namespace, `gateway/${gateway}`);
  const { spec, status } = await getObject<Gateway>("-n", namespace, "gateway", gateway);
  const address = status?.addresses?.[0]?.value;
  if (address === undefined) throw new Error(`Gateway ${gateway} is programmed and has no address`);
  const ports = new Set(spec.listeners.flatMap(({ protocol, port }) => (protocol === "UDP" ? [] : [port])));
  for (const port of ports) for (const place of [here, onLan]) await isReached(place, address, port);
  return address;
}

/** Waits until it is. */
export async function isReached(place: Place, address: string, port: number): Promise<void> {
  await until(`port ${port} of ${address}`, async () => {
    try {
      await place("nc.openbsd", "-z", "-w1", address, String(port));
      return true;
    } catch {
      return undefined;
    }
  });
}

/** Of a Service. */
export async function clusterAddressOf(namespace: string, service: string): Promise<string> {
  return kubectl("-n", namespace, "get", "service", service, "-o", "jsonpath={.spec.clusterIP}");
}
