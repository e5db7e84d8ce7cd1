import assert from "node:assert/strict";
import { test } from "node:test";
import { type Field, hubWords, unreadable } from "./wishes";

const field = (kind: Field["kind"]): Field => ({
  path: `limits.cache.${kind}`,
  service: "cache",
  kind,
  inside: 0,
  label: kind,
  before: "",
});

test("what cannot be read is told in words, and nothing else", () => {
  const fields = [field("memory_bytes"), field("cpus"), field("pids")];
  const texts = { "limits.cache.memory_bytes": "lots", "limits.cache.cpus": "0,5" };
  assert.deepEqual(
    [...unreadable(fields, texts)],
    [["limits.cache.memory_bytes", "A size, such as 512m or 2g."]],
  );
});

test("the hub's bounds of memory are told as sizes", () => {
  const said = "Input should be greater than or equal to 16777216";
  assert.equal(hubWords(field("memory_bytes"), said), "It must be greater than or equal to 16m");
  assert.equal(hubWords(field("port"), undefined), undefined);
});
