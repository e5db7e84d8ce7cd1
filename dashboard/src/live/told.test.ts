import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError, UnreachableError } from "@/api/client";
import type { Connection } from "./socket";
import { isToTell } from "./told";

const EARLIER = new Date(Date.now() - 60_000);
const LATER = new Date(Date.now() + 60_000);
const line = (phase: Connection["phase"], opened: Date | null): Connection => ({
  phase,
  since: EARLIER,
  opened,
});

test("what could not be asked of the hub is told until the line is open again", () => {
  const asked = new UnreachableError(false);
  assert.ok(isToTell(asked, line("reconnecting", EARLIER)));
  assert.ok(isToTell(asked, line("live", EARLIER)));
  assert.ok(!isToTell(asked, line("live", LATER)));
});

test("that nothing can be read is told once: by the head of the page while it reconnects", () => {
  const read = new UnreachableError(true);
  assert.ok(!isToTell(read, line("reconnecting", EARLIER)));
  assert.ok(isToTell(read, line("connecting", null)));
});

test("what the hub said stays", () => {
  assert.ok(isToTell(new ProblemError(409, "taken", "Taken", "It is."), line("live", LATER)));
});
