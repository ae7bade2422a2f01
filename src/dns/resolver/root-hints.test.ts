import assert from "node:assert/strict";
import { test } from "node:test";
import { readRootHints } from "./root-hints.ts";

for (const [what, text, expected] of [
  [
    "a file like IANA's",
    "; comment\n. 3600000 NS A.ROOT-SERVERS.NET.\nA.ROOT-SERVERS.NET. 3600000 A 198.41.0.4\na.root-servers.net. 3600000 AAAA 2001:503:ba3e::2:30\n",
    ["198.41.0.4@53", "2001:503:ba3e::2:30@53"],
  ],
  [
    "addresses of others do not count",
    ". 1 NS a.test.\na.test. 1 A 192.0.2.1\nb.test. 1 A 192.0.2.2\n",
    ["192.0.2.1@53"],
  ],
  ["servers without addresses", ". 1 NS a.test.\n", "it has no addresses of root servers"],
  ["nothing", "", "it has no addresses of root servers"],
] as const) {
  test(`root hints: ${what}`, () => assert.deepEqual(readRootHints(text), expected));
}

test("root hints: what cannot be read says where", () => {
  assert.match(String(readRootHints(". 1 NS a.test.\na.test. 1 A 192.0.2.999\n")), /^line 2: /);
});
