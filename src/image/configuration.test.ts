import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { IMAGE_UID } from "./base.ts";
import { IMAGE_ENTRYPOINT, IMAGE_ENVIRONMENT } from "./configuration.ts";

test("the Dockerfile's image begins as that of npm run image does", () => {
  const text = readFileSync("Dockerfile", "utf8").replaceAll(/\\\n\s*/g, "");
  const instruction = (name: string): string => new RegExp(`^${name} (.*)$`, "m").exec(text)![1]!;
  assert.deepEqual(
    instruction("ENV").split(" "),
    Object.entries(IMAGE_ENVIRONMENT).map(([name, value]) => `${name}=${value}`),
  );
  assert.equal(instruction("USER"), `${IMAGE_UID}:${IMAGE_UID}`);
  assert.deepEqual(JSON.parse(instruction("ENTRYPOINT")), IMAGE_ENTRYPOINT);
});
