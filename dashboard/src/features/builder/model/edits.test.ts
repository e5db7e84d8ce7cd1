import assert from "node:assert/strict";
import { test } from "node:test";
import { addSteps, copied, freeName, pasted } from "./clipboard";
import { addStep, connect, disconnect, removeSteps, renameStep, setSetting } from "./edits";
import { EditRefused, edited } from "./keep-format";
import { canConnect, readWorkflow } from "./workflow";

const WRITTEN = `# What checks a change.
name: 'review'   # as people call it

nodes:
  # Reads, changes nothing.
  look:
    agent: pretend
    with: { path: "src",  depth: 2 }   # two is enough

  patch:
    needs: [look]
    agent: patcher
    when: nodes.look.outputs.count > 0 && nodes.look-again.state == 'x'
    with:
      text: "{{nodes.look.outputs.text}}"
      same: nodes.look.outputs
`;

test("a setting changed by a form leaves every other line as it was written", () => {
  const changed = edited(WRITTEN, setSetting("look", ["with", "depth"], 3));
  const before = WRITTEN.split("\n");
  const after = changed.split("\n");
  assert.equal(after.length, before.length);
  const differing = after.filter((line, index) => line !== before[index]);
  assert.equal(differing.length, 1);
  assert.match(differing[0] ?? "", /depth: 3\} # two is enough$/);
});

test("a new setting stands where readers look for it, and goes with its last value", () => {
  const timed = edited(WRITTEN, setSetting("patch", ["retry", "attempts"], 2));
  assert.match(timed, /same: nodes\.look\.outputs\n {4}retry:\n {6}attempts: 2\n/);
  assert.equal(edited(timed, setSetting("patch", ["retry", "attempts"], undefined)), WRITTEN);
});

test("a step waits for another and no longer, and the text is as before", () => {
  const more = edited(WRITTEN, addStep("last", { agent: "pretend" }));
  const joined = edited(more, connect("patch", "last"));
  assert.match(joined, /last:\n {4}agent: pretend\n {4}needs: \[\s?patch\s?\]\n$/);
  const twice = edited(joined, connect("look", "last"));
  assert.deepEqual(readWorkflow(twice).workflow?.steps[2]?.needs, ["patch", "look"]);
  assert.equal(
    edited(edited(twice, disconnect("look", "last")), disconnect("patch", "last")),
    more,
  );
  assert.ok(twice.startsWith(WRITTEN));
});

test("no connection makes a circle or is made twice", () => {
  const steps = readWorkflow(WRITTEN).workflow?.steps ?? [];
  assert.ok(!canConnect(steps, "patch", "look"));
  assert.ok(!canConnect(steps, "look", "patch"));
  assert.ok(!canConnect(steps, "look", "look"));
  assert.ok(!canConnect(steps, "nowhere", "look"));
});

test("a renamed step is renamed where it is spoken of, and names that begin alike are not", () => {
  const changed = edited(WRITTEN, renameStep("look", "read"));
  assert.match(changed, /^ {2}read:$/m);
  assert.match(changed, /needs: \[\s?read\s?\]/);
  assert.match(changed, /when: nodes\.read\.outputs\.count > 0 && nodes\.look-again\.state/);
  assert.match(changed, /text: "\{\{nodes\.read\.outputs\.text\}\}"/);
  assert.match(changed, /# Reads, changes nothing\.\n/);
});

test("what needed a removed step no longer does", () => {
  const left = edited(WRITTEN, removeSteps(new Set(["look"])));
  const steps = readWorkflow(left).workflow?.steps ?? [];
  assert.deepEqual(
    steps.map(({ name, needs }) => [name, needs]),
    [["patch", []]],
  );
  assert.ok(left.startsWith("# What checks a change.\nname: 'review'   # as people call it\n"));
});

test("steps copied and pasted beside themselves keep needing each other", () => {
  const there = readWorkflow(WRITTEN).workflow?.steps ?? [];
  const text = copied(WRITTEN, new Set(["look", "patch"]));
  const changed = edited(WRITTEN, addSteps(pasted(text, there)));
  assert.deepEqual(
    readWorkflow(changed).workflow?.steps.map(({ name, needs }) => [name, needs]),
    [
      ["look", []],
      ["patch", ["look"]],
      ["look-2", []],
      ["patch-2", ["look-2"]],
    ],
  );
  assert.deepEqual(pasted("just words", there), []);
  assert.equal(freeName("2 new steps!", new Set(["new-steps-"])), "new-steps--2");
});

test("a text that cannot be read is not changed", () => {
  assert.throws(() => edited("nodes: [", addStep("a", { agent: "b" })), EditRefused);
  assert.throws(() => edited("- a list\n", addStep("a", { agent: "b" })), EditRefused);
});

test("the lines of each step are known, also of a text that is being written", () => {
  assert.deepEqual(readWorkflow(WRITTEN).lines, [
    { name: "look", first: 6, last: 8 },
    { name: "patch", first: 10, last: 16 },
  ]);
  const broken = readWorkflow(`${WRITTEN}  half: {agent: `);
  assert.equal(broken.workflow, null);
  assert.deepEqual(
    broken.lines.map(({ name }) => name),
    ["look", "patch", "half"],
  );
});
