import assert from "node:assert/strict";
import { test } from "node:test";
import { importedText } from "./import";
import { nameProblem, type Step } from "./workflow";

test("a file gives its text, and what is no text gives one reason", () => {
  const of = (...bytes: number[]) => importedText("some.yaml", new Uint8Array(bytes));
  const written = "name: prüfung\r\nnodes:\t{}\n";
  assert.equal(importedText("some.yaml", new TextEncoder().encode(written)).text, written);
  assert.equal(of(0xef, 0xbb, 0xbf, 0x61).text, "a"); // the mark that editors on Windows write
  assert.match(of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a).problem ?? "", /^some\.yaml is not a text/);
  assert.match(of(0x61, 0).problem ?? "", /not a text file/);
  assert.match(importedText("big", new Uint8Array(2 ** 20 + 1)).problem ?? "", /more than 1 MB/);
});

test("a name that a step cannot have is told with the reason", () => {
  const steps = ["one", "two"].map((name): Step => ({ name, agent: "a", needs: [], settings: {} }));
  assert.equal(nameProblem(steps, "one", "one"), undefined);
  assert.equal(nameProblem(steps, "one", "Three_3-x"), undefined);
  assert.match(nameProblem(steps, "one", "two") ?? "", /Another step/);
  assert.match(nameProblem(steps, "one", "2x") ?? "", /no digit or dash first/);
  assert.match(nameProblem(steps, "one", "") ?? "", /needs a name/);
  assert.match(nameProblem(steps, "one", "x".repeat(64)) ?? "", /63/);
});
