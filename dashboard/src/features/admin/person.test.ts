import assert from "node:assert/strict";
import { test } from "node:test";
import type { PrincipalOut } from "@/api/generated/schema";
import { changeOf, groupsOf, meaningOf } from "./person";

const ADA = { name: "ada", role: "viewer", groups: ["shop"] } as PrincipalOut;

test("only what differs of a person is asked for", () => {
  assert.equal(changeOf(ADA, "viewer", groupsOf(" shop ,")), null);
  assert.deepEqual(changeOf(ADA, "admin", ["shop"]), { role: "admin" });
  assert.deepEqual(changeOf(ADA, "viewer", groupsOf("")), { groups: [] });
});

test("what a change means is said before", () => {
  assert.match(
    meaningOf(ADA, { role: "admin", groups: [] }),
    /^ada becomes admin in place of viewer and is in no group from now on\./,
  );
  assert.match(meaningOf(ADA, { disabled: true }), /can sign in no more/);
  assert.match(meaningOf(ADA, { disabled: false }), /may sign in again, as viewer/);
});
