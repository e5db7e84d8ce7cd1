import assert from "node:assert/strict";
import { test } from "node:test";
import { subjectPlace } from "./subject";

test("what the audit log is about leads to its page, if it has one", () => {
  const of = (id: string, data = {}) => subjectPlace(id, data)?.params;
  assert.deepEqual(of("run_2vmj34ntdh3rb0"), { run: "run_2vmj34ntdh3rb0" });
  assert.deepEqual(of("apr_2vmj"), { approval: "apr_2vmj" });
  assert.deepEqual(of("project_2vmj"), { project: "project_2vmj" });
  assert.deepEqual(of("workflow_2vmj", { name: "scan" }), { workflow: "scan" });
  for (const id of ["workflow_2vmj", "tok_2vmj", "project_2vmj.secret-key", "run", "run_/x"]) {
    assert.equal(of(id), undefined, id);
  }
});
