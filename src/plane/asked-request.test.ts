import assert from "node:assert/strict";
import { test } from "node:test";
import { headOf, readAskedRequest } from "./asked-request.ts";

const FAULTS: readonly [url: string, method: string, headers: readonly string[], reason: RegExp][] = [
  ["", "GET", [], /give a URL/],
  ["shop.test", "GET", [], /give a URL/],
  ["ftp://a/", "GET", [], /give a URL/],
  [`http://a/${"x".repeat(5000)}`, "GET", [], /more than 4096/],
  ["http://u:p@a/", "GET", [], /user/],
  ["http://a/", "G T", [], /no HTTP token/],
  ["http://a/", "CONNECT", [], /CONNECT/],
  ["http://a/", "GET", ["no colon"], /name: value/],
  ["http://a/", "GET", ["a: b\r\nc: d"], /name: value/],
  ["http://a/", "GET", [`a: ${"x".repeat(3000)}`], /name: value/],
  ["http://a/", "GET", ["Content-Length: 5"], /no body/],
  ["http://a/", "GET", ["host: a", "Host: b"], /more than one Host/],
  ["http://a/", "GET", Array.from({ length: 65 }, () => "a: b"), /more than 64/],
];
for (const [url, method, headers, reason] of FAULTS) {
  test(`refused: ${method} ${url.slice(0, 20)} ${headers[0]?.slice(0, 20) ?? ""}`, () => {
    const asked = readAskedRequest(url, method, headers);
    assert.ok(typeof asked === "string");
    assert.match(asked, reason);
  });
}

for (const [url, host, port] of [
  ["http://Shop.test/a?b=c#d", "shop.test", 80],
  ["https://192.0.2.1:8443/a?b=c", "192.0.2.1", 8443],
  ["https://[2001:db8::1]/a?b=c", "2001:db8::1", 443],
] as const) {
  test(`read as the engine does: ${url}`, () => {
    const asked = readAskedRequest(url, "PATCH", ["x-a:  b ", "Host: other.test:81"]);
    assert.ok(typeof asked !== "string", String(asked));
    assert.deepEqual([asked.host, asked.port], [host, port]);
    const head = headOf(asked, 32_768);
    assert.ok(!("refused" in head));
    assert.deepEqual([head.methodText, head.host, head.target], ["PATCH", "other.test", "/a?b=c"]);
    assert.deepEqual([head.name(1), head.value(1), head.secure], ["x-a", "b", url.startsWith("https:")]);
  });
}

test("a head that the engine refuses says with what", () => {
  const asked = readAskedRequest("http://a/", "GET", ["Host: a b"]);
  assert.ok(typeof asked !== "string");
  assert.deepEqual(headOf(asked, 32_768), { refused: "400 badHost" });
  assert.deepEqual(headOf({ ...asked, authority: "a" }, 16), { refused: "431 headTooLarge" });
});
