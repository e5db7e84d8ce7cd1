import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApprovalView } from "@/api/generated/schema";
import { isUnsent } from "./unsent";

const by = (name: string, comment = "why") =>
  [{ principal_name: name, comment }] as ApprovalView["decisions"];

test("a comment stays where somebody else decided first, and nowhere else", () => {
  assert.ok(isUnsent({ state: "rejected", decisions: by("ada") }, "me", "why"));
  assert.ok(isUnsent({ state: "expired", decisions: [] }, "me", "why"));
  assert.ok(isUnsent({ state: "rejected", decisions: by("me", "elsewhere") }, "me", "why"));
  assert.ok(!isUnsent({ state: "rejected", decisions: by("me") }, "me", "why "));
  assert.ok(!isUnsent({ state: "pending", decisions: by("ada") }, "me", "why"));
  assert.ok(!isUnsent({ state: "rejected", decisions: by("ada") }, "me", " "));
});
