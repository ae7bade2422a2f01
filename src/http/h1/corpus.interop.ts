/** Every request of the corpus (FAIRWAY_CORPORA/http1-requests): never an exception, always an end, the next connection served. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Slab } from "#src/reactor/slab.ts";
import { FakeParts, FakeStream } from "#src/testing/fake-stream.ts";
import { HttpDate } from "../engine/http-date.ts";
import { DEFAULT_LIMITS } from "../engine/limits.ts";
import { OutBuffer } from "../engine/out-buffer.ts";
import type { EngineServices } from "../engine/services.ts";
import { FieldEdits } from "../field-edits.ts";
import type { Stage } from "../stage.ts";
import { makeOpenH1 } from "./open.ts";

const ok: Stage = {
  onRequest: (exchange) => {
    exchange.respondText(200, "ok", undefined);
    return "done";
  },
};

test("the corpus of requests: whole and byte by byte alike", () => {
  const folder = join(process.env["FAIRWAY_CORPORA"]!, "http1-requests");
  let requests = 0;
  const ends = { begun: 0, finished: 0 };
  const services: EngineServices = {
    loop: { now: 0 },
    limits: DEFAULT_LIMITS,
    date: new HttpDate(() => 0),
    observer: {
      onConnection: () => undefined,
      onConnectionEnd: () => undefined,
      onRequest: () => void ends.begun++,
      onFinish: () => void ends.finished++,
      onRefused: () => undefined,
    },
    out: new OutBuffer(new Slab(131_072)),
    parts: new FakeParts(),
    edits: new FieldEdits(),
  };
  const open = makeOpenH1(services);
  const port = { current: { secure: false, stages: [ok] } };
  const run = (bytes: Uint8Array, step: number): string => {
    const stream = new FakeStream();
    stream.handler = open(stream, port, services);
    for (let at = 0; at < bytes.length && !stream.closed; at += step) stream.receive(bytes.subarray(at, at + step));
    stream.endInput();
    assert.ok(stream.closed, "an end");
    return stream.sent;
  };
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, name));
    const whole = run(bytes, bytes.length);
    assert.ok(whole === "" || /^HTTP\/1\.1 (200|4\d\d|50[15]) /.test(whole), name);
    assert.equal(run(bytes, 7), whole, name);
    assert.match(
      run(Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 100),
      /^HTTP\/1\.1 200 OK/,
      "the next one is served",
    );
    requests++;
  }
  assert.ok(requests > 500, "the corpus is there");
  assert.equal(ends.finished, ends.begun);
});
