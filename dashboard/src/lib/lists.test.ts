import assert from "node:assert/strict";
import { test } from "node:test";
import { listAround, listFor } from "./lists";

test("what is not there leads to the list it would be in", () => {
  assert.equal(listFor("run_not_found")?.to, "/runs");
  assert.equal(listFor("not_found"), undefined);
  assert.equal(listAround("/agents/nobody")?.label, "All agents");
  assert.equal(listAround("/nowhere"), undefined);
});
