import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "#src/process/clock.ts";
import { FakeKubeApi } from "#src/testing/kube-api.ts";
import { plainKubeClient } from "#src/testing/kube-client.ts";
import { until } from "#src/testing/until.ts";
import { LeaderElection } from "./lease.ts";
import type { LeaseDurations } from "./lease-decision.ts";

const LEASES = "/apis/coordination.k8s.io/v1/leases";
const DURATIONS: LeaseDurations = { leaseDurationMs: 1000, renewDeadlineMs: 600, retryMs: 50 };

interface Elected extends AsyncDisposable {
  readonly election: LeaderElection;
  readonly changes: boolean[];
  readonly failures: (string | undefined)[];
}

function stand(api: FakeKubeApi, identity: string, clock?: Clock): Elected {
  const client = plainKubeClient(api.url);
  const changes: boolean[] = [];
  const failures: (string | undefined)[] = [];
  const election = new LeaderElection({
    client,
    namespace: "fairway",
    name: "controller",
    identity,
    durations: DURATIONS,
    onChange: (leading) => changes.push(leading),
    onFailure: (reason) => failures.push(reason),
    ...(clock && { clock }),
  });
  return {
    election,
    changes,
    failures,
    async [Symbol.asyncDispose]() {
      await election[Symbol.asyncDispose]();
      client[Symbol.dispose]();
    },
  };
}

const leads = ({ election }: Elected): Promise<true> => until("a leader", () => election.mayWrite() || undefined);

async function startApi(host = "127.0.0.1"): Promise<FakeKubeApi> {
  const api = await FakeKubeApi.start(host);
  api.serveKind(LEASES);
  // As the chart makes it: held by nobody.
  api.put(LEASES, { metadata: { name: "controller", namespace: "fairway", labels: { app: "fairway" } } });
  return api;
}

const specOf = (api: FakeKubeApi): Record<string, unknown> =>
  api.objects(LEASES).get("fairway/controller")!["spec"] as Record<string, unknown>;

for (const host of ["127.0.0.1", "::1"]) {
  test(`one of two leads, and the other when the first ends in order (${host})`, async () => {
    await using api = await startApi(host);
    const first = stand(api, "first");
    await leads(first);
    await using second = stand(api, "second");
    await until("that it knows", () => second.election.leader === "first" || undefined);
    assert.equal(second.election.mayWrite(), false);
    assert.match(String(specOf(api)["renewTime"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.deepEqual(api.objects(LEASES).get("fairway/controller")!.metadata["labels"], { app: "fairway" });
    const ending = first[Symbol.asyncDispose]();
    assert.equal(first.election.mayWrite(), false, "from the first moment");
    const at = performance.now();
    await ending;
    await leads(second);
    assert.ok(performance.now() - at < DURATIONS.leaseDurationMs, "a Lease that was released is not waited for");
    assert.deepEqual(first.changes, [true, false]);
    assert.equal(specOf(api)["leaseTransitions"], 2);
    assert.equal(second.election.term, 3);
  });
}

test("a leader that cannot renew stops before another begins", async () => {
  await using api = await startApi();
  await using first = stand(api, "first");
  await leads(first);
  await using second = stand(api, "second");
  await until("that it knows", () => second.election.leader === "first" || undefined);
  // The first one's requests hang; the second's do not.
  api.intercept = ({ body, method }) =>
    method === "PATCH" && JSON.stringify(body).includes("first") ? "hang" : undefined;
  await until("the end", () => (first.election.mayWrite() ? undefined : true));
  assert.equal(second.election.mayWrite(), false);
  await leads(second);
  assert.deepEqual(first.changes, [true, false]);
  assert.match(String(first.failures[0]), /no answer in time/);
  api.intercept = () => undefined;
  await until("that it knows", () => first.election.leader === "second" || undefined);
});

test("an API server that fails for a while costs the lead only when the deadline passes", async () => {
  await using api = await startApi();
  await using only = stand(api, "only");
  await leads(only);
  api.intercept = () => ({ status: 500, body: '{"message":"etcd"}' });
  await until("a failure", () => only.failures[0]);
  assert.equal(only.election.mayWrite(), true);
  api.intercept = () => undefined;
  await until("its end", () => (only.failures.at(-1) === undefined ? true : undefined));
  assert.deepEqual([only.changes, only.failures], [[true], ["status 500: etcd", undefined]]);
});

test("a Lease that was deleted: its holder leads on, and who makes it anew waits", async () => {
  await using api = await startApi();
  await using first = stand(api, "first");
  await leads(first);
  api.delete(LEASES, "fairway/controller");
  await until("the Lease", () => api.objects(LEASES).get("fairway/controller"));
  assert.equal(specOf(api)["holderIdentity"], "first");
  assert.deepEqual(first.changes, [true]);
  await first[Symbol.asyncDispose]();
  api.delete(LEASES, "fairway/controller");
  const since = performance.now();
  await using second = stand(api, "second");
  await until("the Lease", () => api.objects(LEASES).get("fairway/controller"));
  assert.equal(second.election.mayWrite(), false);
  await leads(second);
  assert.ok(performance.now() - since >= DURATIONS.leaseDurationMs);
  await until("the news", () => second.changes[0]);
});

test("a machine that slept does not lead when it wakes, though its monotonic clock stood still", async () => {
  await using api = await startApi();
  let slept = 0;
  const clock: Clock = { now: () => performance.now(), wall: () => Date.now() + slept };
  await using only = stand(api, "only", clock);
  await leads(only);
  api.intercept = () => "hang";
  slept = DURATIONS.renewDeadlineMs;
  assert.equal(only.election.mayWrite(), false);
  api.intercept = () => undefined;
  await leads(only);
});

test("a namespace that is not there is a failure, and not asked for without pause", async () => {
  await using api = await FakeKubeApi.start();
  await using only = stand(api, "only");
  await until("a failure", () => only.failures[0]);
  const seen = api.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 4 * DURATIONS.retryMs));
  assert.ok(api.requests.length - seen <= 10);
  assert.deepEqual(only.changes, []);
});
