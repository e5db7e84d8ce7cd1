import { useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { agents as agentsQuery, run as runQuery, runs } from "@/api/queries";
import { inCondition, inTemplate, inWorkflow } from "./model/complete";
import { type Reference, references } from "./model/references";
import { record } from "./model/workflow";
import { agentDetail } from "./queries";
import type { Builder } from "./use-builder";
import type { Complete } from "./use-completion";

/** What is known around a workflow: its agents, what they declare, what the last run gave. */
export function useKnowledge({ workflow, lines }: Builder, stored: string | null) {
  const agents = useQuery(agentsQuery).data?.items ?? [];
  const names = [...new Set(workflow.steps.map(({ agent }) => agent.split("@")[0] ?? ""))].filter(
    (name) => agents.some((agent) => agent.name === name),
  );
  const details = useQueries({ queries: names.map(agentDetail) });
  const lastId = useQuery({ ...runs({ workflow: stored ?? "" }, 1), enabled: stored !== null }).data
    ?.items[0]?.id;
  const lastRun = useQuery({ ...runQuery(lastId ?? ""), enabled: lastId !== undefined }).data;

  const schemas = new Map<string, Record<string, unknown>>();
  for (const step of workflow.steps) {
    const detail = details[names.indexOf(step.agent.split("@")[0] ?? "")]?.data;
    if (detail !== undefined) schemas.set(step.name, record(detail.manifest.outputs));
  }
  const lastOutputs = new Map(
    lastRun?.steps?.flatMap(({ node, outputs }) => (outputs === null ? [] : [[node, outputs]])),
  );
  const referencesOf = (step: string | null): Reference[] =>
    references(workflow, step, { schemas, lastOutputs });
  const inTemplates =
    (step: string): Complete =>
    (text, caret) =>
      inTemplate(text, caret, referencesOf(step));
  const inConditions =
    (step: string): Complete =>
    (text, caret, isAsked) =>
      inCondition(text, caret, referencesOf(step), isAsked);
  const inYaml: Complete = (text, caret, isAsked) => {
    const before = text.slice(0, caret).split("\n");
    // What is being written may not belong to its step yet, for the parser.
    const isBelowStep = before.at(-1)?.startsWith(" ") ?? false;
    const step = isBelowStep ? lines.findLast(({ first }) => first <= before.length) : undefined;
    return inWorkflow(
      text,
      caret,
      {
        references: () => referencesOf(step?.name ?? null),
        agents: agents.map(({ name, description }) => ({ label: name, detail: description })),
        steps: workflow.steps
          .filter(({ name }) => name !== step?.name)
          .map(({ name, agent }) => ({ label: name, detail: agent })),
      },
      isAsked,
    );
  };
  const risky = useMemo(
    () => new Set(agents.filter(({ risk }) => risk !== "AUTO").map(({ name }) => name)),
    [agents],
  );
  return { agents, risky, lastRun, inTemplates, inConditions, inYaml };
}
