import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttemptView, RunView, StepView } from "@/api/generated/schema";
import { differing, inOrder, jsonDiff, pairs, plainDiff, same, took } from "./model";

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();

function step(node: string, changed: Partial<StepView> = {}): StepView {
  return {
    node,
    agent: "lint",
    agent_version: "1.0.0",
    risk: "AUTO",
    needs: [],
    state: "succeeded",
    reason: null,
    message: "",
    inputs: {},
    outputs: {},
    approval_id: null,
    reused_from: null,
    retry_at: null,
    started_at: at(0),
    finished_at: at(2),
    attempts: [{} as AttemptView],
    checks: [],
    ...changed,
  };
}

const run = (steps: StepView[], created = 0) => ({ steps, created_at: at(created) }) as RunView;

test("steps are matched by name, and what one run lacks stands where it stood", () => {
  const before = run([step("a"), step("gone"), step("b")]);
  const after = run([step("first"), step("a"), step("b"), step("last")]);
  const found = pairs(before, after);
  assert.deepEqual(
    found.map(({ node }) => node),
    ["first", "a", "gone", "b", "last"],
  );
  assert.equal(found[2]?.after, null);
  assert.equal(found[4]?.before, null);
});

test("what differs of a step is named, times are told and are no difference", () => {
  const failed = { state: "failed", message: "exit code 3", outputs: null, finished_at: at(5) };
  const [slow, other] = pairs(
    run([step("slow"), step("other")]),
    run([
      step("slow", { finished_at: at(7.5) }),
      step("other", { ...failed, agent_version: "1.1.0", attempts: [] }),
    ]),
  );
  assert.deepEqual(slow?.differences, []);
  assert.equal(slow?.seconds, 5.5);
  assert.deepEqual(other?.differences, ["state", "attempts", "agent", "message", "outputs"]);
});

test("what goes on or was taken over has no time to compare", () => {
  const [open, taken] = pairs(
    run([step("open"), step("taken")]),
    run([step("open", { finished_at: null }), step("taken", { reused_from: "run_1" })]),
  );
  assert.equal(open?.seconds, null);
  assert.equal(taken?.seconds, null);
  assert.equal(took({ started_at: null, finished_at: at(1) }), null);
});

test("the older run comes first, whichever was asked for", () => {
  const [old, young] = [run([], 1), run([], 2)];
  assert.deepEqual(inOrder(young, old), [old, young]);
  assert.deepEqual(inOrder(old, young), [old, young]);
});

test("values are the same whatever the order of their keys, and not of their items", () => {
  assert.ok(same({ a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }));
  assert.ok(!same([1, 2], [2, 1]));
  assert.ok(!same(null, {}));
});

test("a text of several lines is compared line by line", () => {
  const { text } = jsonDiff({ patch: "one\ntwo\n" }, { patch: "one\nthree\n" }, "outputs");
  assert.match(text, /^-\s+two\\n"$/m);
  assert.match(text, /^\+\s+three\\n"$/m);
  assert.match(text, /^ {3}"patch": "one\\n$/m);
});

test("a difference is bounded in lines and in their length", () => {
  const many = jsonDiff(
    [],
    Array.from({ length: 5000 }, (_, index) => index),
    "outputs",
  );
  assert.ok(many.isCut);
  assert.equal(many.text.split("\n").length, 1000);
  const long = jsonDiff("a", "b".repeat(100_000), "outputs");
  assert.ok(long.isCut);
  assert.ok(long.text.length < 5000);
  assert.ok(!jsonDiff(1, 2, "outputs").isCut);
});

test("inputs are compared one by one, and texts without quotes", () => {
  const found = differing({ word: "one", same: 1, list: [1] }, { word: "two", same: 1 });
  assert.deepEqual(
    found.map(({ name }) => name),
    ["word", "list"],
  );
  const { text } = plainDiff("one", "two", "word");
  assert.match(text, /^-one$/m);
  assert.match(text, /^\+two$/m);
});
