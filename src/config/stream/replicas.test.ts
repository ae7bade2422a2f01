/** A client of several replicas that read the same history at different speeds, come, go, lead, and translate differently. */
import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { setImmediate, setTimeout as wait } from "node:timers/promises";
import * as fc from "fast-check";
import type { Entry } from "#src/config/model.ts";
import { until } from "#src/testing/until.ts";
import { digestOf, toEntry } from "./entry.ts";
import { BEHIND_LIMIT_MS } from "./replica-choice.ts";
import { ReplicaClient, type ReplicaClientOptions } from "./replica-client.ts";
import { ConfigServer } from "./server.ts";
import type { ConfigUpdate } from "./update.ts";

const zone = (name: string, text: string): Entry =>
  toEntry(`zone/default/${name}`, { kind: "zone", origin: `${name}.test.`, text, backends: [] });

const everything = (): boolean => true;

/** One replica: a server that has read the history up to a position. */
class Replica {
  readonly address: string;
  /** What its version of the program makes of things. */
  readonly variant: string;
  server: ConfigServer | undefined;
  position = -1;
  readonly cuts = new Set<() => void>();

  constructor(address: string, variant: string) {
    this.address = address;
    this.variant = variant;
  }

  start(): void {
    this.server ??= new ConfigServer({ select: () => everything });
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    this.position = -1;
    this.cut();
    await server?.[Symbol.asyncDispose]();
  }

  cut(): void {
    for (const cut of this.cuts) cut();
    this.cuts.clear();
  }

  readOn(history: readonly (readonly string[])[], position: number): void {
    if (this.server === undefined || position <= this.position) return;
    this.position = Math.min(position, history.length - 1);
    this.server.publish(translate(history[this.position]!, this.variant), this.position + 1);
  }
}

const translate = (state: readonly string[], variant: string): Entry[] => [
  ...state.map((text, index) => zone("abc"[index]!, text)),
  zone("variant", variant),
];

function clientOf(replicas: readonly Replica[], options: Partial<ReplicaClientOptions> = {}): ReplicaClient {
  return new ReplicaClient({
    name: "balancer",
    resolve: async () => replicas.map(({ address }) => address),
    connect: (address) => {
      const replica = replicas.find((one) => one.address === address);
      if (replica?.server === undefined) throw new Error("nobody there");
      const [near, far] = duplexPair();
      // No identity here: who vouches for tokens is the listener.
      replica.server.attach(far, {
        identity: { namespace: "", serviceAccount: "", podName: "", podUid: "", nodeName: "", plane: "balancer" },
        onToken: () => {},
        onEnd: () => {},
      });
      replica.cuts.add(() => near.destroy());
      return near;
    },
    token: () => "token",
    reconnect: { firstMs: 0, maxMs: 0 },
    resolveMs: 2,
    apply: () => [],
    ...options,
  });
}

const index = fc.integer({ min: 0, max: 2 });
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("write" as const), at: index }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("read" as const), replica: index, by: fc.integer({ min: 1, max: 3 }) }),
  },
  fc.record({ do: fc.constant("cut" as const), replica: index }),
  fc.record({ do: fc.constant("stop" as const), replica: index }),
  fc.record({ do: fc.constant("start" as const), replica: index }),
  fc.record({ do: fc.constant("lead" as const), replica: index }),
  { weight: 6, arbitrary: fc.record({ do: fc.constant("turn" as const), times: fc.constantFrom(1, 3, 20) }) },
);

test("whatever replicas do, a client never goes back, and ends with what the leader has, acknowledged to all", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 15, maxLength: 60, size: "max" }),
      fc.boolean(),
      fc.constantFrom(2, 1000),
      async (steps, isMixed, texts) => {
        const history: string[][] = [["0", "0", "0"]];
        // With few texts a state comes again, with many each is another.
        const write = (at: number) =>
          void history.push(history.at(-1)!.map((text, i) => (i === at ? String(history.length % texts) : text)));
        for (let at = 0; at < 6; at++) write(at % 3);
        const replicas = ["a", "b", "c"].map((address) => new Replica(address, isMixed ? address : "all"));
        for (const replica of replicas) replica.start();
        let term = 0;
        let reached = 0;
        let wentBack = false;
        const onUpdate = async ({ digest }: ConfigUpdate) => {
          // The earliest moment not before the last one at which any replica could have had this.
          const at = history.findIndex(
            (state, moment) =>
              moment >= reached && replicas.some(({ variant }) => digestOf(translate(state, variant)) === digest),
          );
          if (at === -1) wentBack = true;
          else reached = at;
          await setImmediate();
          return [];
        };
        await using client = clientOf(replicas, { apply: onUpdate });
        for (const one of steps) {
          if (one.do === "write") write(one.at);
          else if (one.do === "turn") for (let turn = 0; turn < one.times; turn++) await setImmediate();
          else {
            const replica = replicas[one.replica]!;
            if (one.do === "read") replica.readOn(history, replica.position + one.by);
            else if (one.do === "cut") replica.cut();
            else if (one.do === "stop") await replica.stop();
            else if (one.do === "start") replica.start();
            else {
              // The one before does not know it yet.
              term += 1;
              replica.server?.lead(term);
            }
          }
        }
        for (const replica of replicas) {
          replica.start();
          replica.readOn(history, history.length - 1);
        }
        const leader = replicas[steps.length % 3]!;
        leader.server!.lead(term + 1);
        const wanted = digestOf(translate(history.at(-1)!, leader.variant));
        await until(
          "the leader's configuration, known to all",
          () => {
            const isKnown = replicas.every(({ server }) =>
              server!.clients.some((one) => one.acknowledgedDigest === wanted),
            );
            return client.digest === wanted && client.following === leader.address && isKnown ? true : undefined;
          },
          5000,
        );
        assert.equal(wentBack, false);
        const followers = replicas.flatMap(({ server }) => server!.clients).filter(({ isFollower }) => isFollower);
        assert.equal(followers.length, 1, "one gives, the others watch");
        for (const replica of replicas) await replica.stop();
      },
    ),
    { numRuns: 200 },
  );
});

test("two addresses of one server are one connection", async () => {
  const replica = new Replica("a", "all");
  replica.start();
  replica.readOn([["1"]], 0);
  const twin = Object.create(replica, { address: { value: "::a" } }) as Replica;
  await using client = clientOf([replica, twin]);
  await until("the configuration", () => (client.digest === "" ? undefined : true));
  for (let look = 0; look < 10; look++) {
    await wait(2);
    assert.equal(client.connectedServers, 1);
  }
  await until("one connection", () => (replica.server!.clients.length === 1 ? true : undefined));
  replica.cut();
  await until("either address again", () => (client.connectedServers === 1 ? true : undefined));
  await replica.stop();
});

test("a leader that nobody catches up with is not followed at once", async () => {
  const [old, other] = [new Replica("a", "a"), new Replica("b", "b")];
  const history = [["1"], ["2"], ["3"]];
  for (const one of [old, other]) one.start();
  old.readOn(history, 2);
  await using client = clientOf([old, other]);
  await until("the furthest", () => (client.following === "a" ? true : undefined));
  other.readOn(history, 1);
  other.server!.lead(1);
  await wait(20);
  assert.equal(client.following, "a");
  await old.stop();
  await wait(20);
  assert.equal(client.following, undefined, "what is held goes on");
  assert.equal(client.revision, 3);
  other.readOn(history, 2);
  await until("it has read on", () => (client.following === "b" ? true : undefined));
  await other.stop();
});

test("a leader that stays behind is right: the API server was put back", async () => {
  const [before, restored] = [new Replica("a", "all"), new Replica("b", "all")];
  for (const one of [before, restored]) one.start();
  before.readOn([["1"], ["2"], ["3"]], 2);
  let now = 0;
  const seen: string[] = [];
  await using client = clientOf([before, restored], {
    clock: { now: () => now },
    apply: ({ digest }) => {
      seen.push(digest);
      return [];
    },
  });
  await until("the first", () => (client.following === "a" ? true : undefined));
  const old = [["0"], ["9"]];
  restored.readOn(old, 0);
  restored.server!.lead(1);
  await wait(10);
  now = BEHIND_LIMIT_MS - 1;
  await wait(10);
  assert.equal(client.following, "a");
  now += 1;
  await until("the leader", () => (client.following === "b" && client.revision === 1 ? true : undefined));
  restored.readOn(old, 1);
  await until("its next", () => (client.revision === 2 ? true : undefined));
  assert.deepEqual(
    seen,
    ["3", "0", "9"].map((text) => digestOf(translate([text], "all"))),
  );
  await before.stop();
  await restored.stop();
});

test("what was kept is in use before any server, and an older one does not replace it", async () => {
  const replica = new Replica("a", "all");
  replica.start();
  const kept = translate(["9"], "all");
  const seen: number[] = [];
  await using client = clientOf([replica], {
    restored: { entries: new Map(kept.map((entry) => [entry.key, entry])), digest: digestOf(kept), revision: 7 },
    apply: ({ upsert }) => {
      seen.push(upsert.length);
      return [];
    },
  });
  await until("a connection", () => (client.isConnected ? true : undefined));
  assert.deepEqual([seen, client.digest, client.origin], [[2], digestOf(kept), "snapshot"]);
  replica.server!.publish(translate(["1"], "all"), 6);
  await wait(20);
  assert.equal(client.origin, "snapshot");
  replica.server!.publish(kept, 6);
  await until("the same content", () => (client.origin === "stream" ? true : undefined));
  assert.equal(client.revision, 7, "as new as it was known to be");
  assert.deepEqual(seen, [2], "applied once");
  replica.server!.publish(translate(["2"], "all"), 8);
  await until("the next", () => (client.revision === 8 ? true : undefined));
  assert.deepEqual(seen, [2, 1]);
  await replica.stop();
});
