import assert from "node:assert/strict";
import { test } from "node:test";
import { BEHIND_LIMIT_MS, chooseReplica, isBehind, type Replica } from "./replica-choice.ts";

const replica = (id: string, more: Partial<Replica> = {}): Replica => ({
  id,
  digest: "d",
  revision: 5,
  term: 0,
  behindSince: undefined,
  ...more,
});

const NOW = 1_000_000;

const CASES: readonly {
  readonly what: string;
  readonly replicas: readonly Replica[];
  readonly followed?: string;
  readonly chosen: string | undefined;
}[] = [
  { what: "nobody is there", replicas: [], followed: "a", chosen: undefined },
  { what: "nobody has anything", replicas: [replica("a", { digest: "" })], chosen: undefined },
  {
    what: "the leader",
    replicas: [replica("a", { revision: 9 }), replica("b", { term: 1 })],
    followed: "a",
    chosen: "b",
  },
  {
    what: "of two leaders that of the later term",
    replicas: [replica("a", { term: 2 }), replica("b", { term: 1 })],
    followed: "b",
    chosen: "a",
  },
  {
    what: "without a leader the one that is followed",
    replicas: [replica("a", { revision: 9 }), replica("b")],
    followed: "b",
    chosen: "b",
  },
  {
    what: "else the one that has read furthest",
    replicas: [replica("a"), replica("b", { revision: 9 })],
    followed: "gone",
    chosen: "b",
  },
  {
    what: "a leader that is behind is not followed yet",
    replicas: [replica("a"), replica("b", { term: 3, behindSince: NOW - 1000 })],
    chosen: "a",
  },
  {
    what: "nobody rather than one that is behind",
    replicas: [replica("a", { behindSince: NOW - 2 * BEHIND_LIMIT_MS })],
    followed: "a",
    chosen: undefined,
  },
  {
    what: "a leader that stays behind is believed",
    replicas: [replica("a"), replica("b", { term: 3, behindSince: NOW - BEHIND_LIMIT_MS })],
    followed: "a",
    chosen: "b",
  },
];

for (const { what, replicas, followed, chosen } of CASES) {
  test(`chosen: ${what}`, () => {
    assert.equal(chooseReplica(replicas, followed, NOW), chosen);
    assert.equal(chooseReplica(replicas.toReversed(), followed, NOW), chosen);
  });
}

test("behind is who has read less and has something else", () => {
  const held = { digest: "d", revision: 5 };
  assert.equal(isBehind({ digest: "e", revision: 4 }, held), true);
  assert.equal(isBehind({ digest: "d", revision: 4 }, held), false);
  assert.equal(isBehind({ digest: "e", revision: 5 }, held), false);
  assert.equal(isBehind({ digest: "e", revision: 1 }, { digest: "", revision: 0 }), false);
});
