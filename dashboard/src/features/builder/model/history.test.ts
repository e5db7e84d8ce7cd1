import assert from "node:assert/strict";
import { test } from "node:test";
import { begin, changed, type History } from "./history";

const set = (history: History, text: string, at: number, topic?: string) =>
  changed(history, { type: "set", text, at, topic });
const undo = (history: History) => changed(history, { type: "undo" });
const redo = (history: History) => changed(history, { type: "redo" });

test("changes are undone and redone in order, to either end and no further", () => {
  const third = set(set(begin("one"), "two", 0), "three", 1);
  assert.equal(undo(third).text, "two");
  assert.equal(undo(undo(undo(third))).text, "one");
  assert.equal(redo(redo(redo(undo(undo(third))))).text, "three");
});

test("a change after an undoing takes the place of what was undone", () => {
  const other = set(undo(set(begin("one"), "two", 0)), "other", 1);
  assert.equal(redo(other).text, "other");
  assert.equal(undo(other).text, "one");
});

test("typing in one place is one change, a pause or another place begins the next", () => {
  const typed = set(set(set(begin(""), "a", 0, "name"), "ab", 900, "name"), "abc", 1800, "name");
  assert.equal(undo(typed).text, "");
  assert.equal(undo(set(typed, "abcd", 9000, "name")).text, "abc");
  assert.equal(undo(set(typed, "abcd", 2000, "other")).text, "abc");
});

test("what changes nothing is no change", () => {
  const history = set(begin("one"), "two", 0);
  assert.equal(set(history, "two", 1), history);
});
