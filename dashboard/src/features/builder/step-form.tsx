import { Button, NativeSelect, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { AgentSummary, IssueView } from "@/api/generated/schema";
import { Icon } from "@/components/icons";
import { Problem } from "@/components/problem";
import { connect, disconnect, type Path, renameStep, setSetting } from "./model/edits";
import { nameProblem, possibleNeeds, record, type Step } from "./model/workflow";
import { agentDetail } from "./queries";
import { SchemaFields } from "./schema-fields";
import { ApprovalFields } from "./step-approval";
import { Section, SmallField } from "./step-parts";
import { TemplateField } from "./template-field";
import { type Builder, only } from "./use-builder";
import type { Complete } from "./use-completion";

/** The settings of one step. Each change is a change of the YAML, seen there at once. */
export function StepForm({
  builder,
  step,
  agents,
  issues,
  inTemplates,
  inConditions,
}: {
  builder: Builder;
  step: Step;
  agents: readonly AgentSummary[];
  issues: readonly IssueView[];
  inTemplates: Complete;
  inConditions: Complete;
}) {
  const { settings } = step;
  const [agentName = ""] = step.agent.split("@");
  const known = agents.map(({ name }) => name);
  // Of one that nobody knows there is nothing to be asked: the field says so.
  const agent = useQuery({ ...agentDetail(agentName), enabled: known.includes(agentName) });
  const put = (path: Path, value: unknown) =>
    void builder.edit(setSetting(step.name, path, value), `${step.name}.${path.join(".")}`);
  /** An empty field is a setting that is not there. */
  const set = (path: Path, value: unknown) => put(path, value === "" ? undefined : value);
  const issueOf = (...path: string[]) => {
    const at = ["nodes", step.name, ...path].join(".");
    return issues.find((issue) => issue.path === at || issue.path.startsWith(`${at}.`))?.message;
  };
  const textOf = (value: unknown) => (value === undefined || value === null ? "" : String(value));
  const isUnknown = agents.length > 0 && !known.includes(agentName);
  return (
    <div className="body step-form">
      <div className="step-form-row">
        <NameField builder={builder} step={step} />
        <NativeSelect
          size="xs"
          label="Agent"
          error={issueOf("agent") ?? (isUnknown ? unknownAgent(agentName) : undefined)}
          value={step.agent}
          onChange={(event) => set(["agent"], event.currentTarget.value)}
          data={known.includes(step.agent) ? known : [step.agent, ...known]}
        />
      </div>
      {agent.data !== undefined && <p className="small muted">{agent.data.description}</p>}
      <Needs builder={builder} step={step} error={issueOf("needs")} />

      <Section title="Inputs">
        {agent.error !== null && <Problem error={agent.error} />}
        {agent.data !== undefined && (
          <SchemaFields
            key={step.name + step.agent}
            schema={record(agent.data.manifest.inputs)}
            values={record(settings.with)}
            onChange={(key, value) => put(["with", key], value)}
            complete={inTemplates}
            issueOf={(key) => issueOf("with", key)}
          />
        )}
        {issues
          .filter(({ path }) => path === `nodes.${step.name}.with`)
          .map(({ message, hint }) => (
            <p key={message} className="problem">
              {message}
              {hint !== null && <span className="muted">{hint}</span>}
            </p>
          ))}
      </Section>

      <Section title="Whether it runs">
        <TemplateField
          label="When"
          description="A condition in CEL; if it is false the step is skipped."
          placeholder="nodes.review.outputs.score < 80"
          error={issueOf("when")}
          value={textOf(settings.when)}
          onChange={(value) => set(["when"], value)}
          complete={inConditions}
        />
        <NativeSelect
          size="xs"
          label="Run if"
          description="What the steps it waits for must have come to."
          value={textOf(settings.run_if)}
          onChange={(event) => set(["run_if"], event.currentTarget.value)}
          data={[
            { value: "", label: "success, as usual" },
            { value: "failure", label: "failure" },
            { value: "always", label: "always" },
          ]}
        />
      </Section>

      <Section title="Retries and time">
        <div className="step-form-row is-narrow">
          <SmallField
            label="Retries"
            value={record(settings.retry).max}
            placeholder="none"
            error={issueOf("retry", "max")}
            onChange={(value) => set(["retry", "max"], value)}
          />
          <SmallField
            label="First wait"
            value={record(settings.retry).backoff}
            placeholder="1s"
            error={issueOf("retry", "backoff")}
            onChange={(value) => set(["retry", "backoff"], value)}
          />
          <SmallField
            label="Factor"
            value={record(settings.retry).backoff_factor}
            placeholder="2"
            error={issueOf("retry", "backoff_factor")}
            onChange={(value) => set(["retry", "backoff_factor"], value)}
          />
          <SmallField
            label="Longest wait"
            value={record(settings.retry).backoff_max}
            placeholder="5m"
            error={issueOf("retry", "backoff_max")}
            onChange={(value) => set(["retry", "backoff_max"], value)}
          />
          <SmallField
            label="Timeout"
            value={settings.timeout}
            placeholder="the agent's"
            error={issueOf("timeout")}
            onChange={(value) => set(["timeout"], value)}
          />
        </div>
      </Section>

      <ApprovalFields
        approval={settings.approval}
        isDue={agent.data?.risk === "APPROVAL_REQUIRED"}
        set={set}
        issueOf={issueOf}
      />

      <Textarea
        size="xs"
        label="Description"
        value={textOf(settings.description)}
        onChange={(event) => set(["description"], event.currentTarget.value)}
      />
    </div>
  );
}

const unknownAgent = (name: string) =>
  name === "" ? "Choose an agent." : `There is no agent ${name}: choose another one.`;

/** The name is taken over when the field is left: it is spoken of in other places. */
function NameField({ builder, step }: { builder: Builder; step: Step }) {
  const [draft, setDraft] = useState(step.name);
  useEffect(() => setDraft(step.name), [step.name]);
  const problem = nameProblem(builder.workflow.steps, step.name, draft);
  const take = () => {
    if (draft === step.name || problem !== undefined) return;
    if (builder.edit(renameStep(step.name, draft))) builder.select(only(draft));
  };
  return (
    <TextInput
      size="xs"
      label="Name"
      value={draft}
      error={problem && `${problem} It is still called ${step.name}.`}
      onChange={(event) => setDraft(event.currentTarget.value)}
      onBlur={take}
      onKeyDown={({ key }) => {
        if (key === "Enter") take();
        if (key === "Escape") setDraft(step.name);
      }}
    />
  );
}

function Needs({
  builder,
  step,
  error,
}: {
  builder: Builder;
  step: Step;
  error: string | undefined;
}) {
  const possible = possibleNeeds(builder.workflow.steps, step.name);
  return (
    <div>
      <div className="line needs">
        <span className="small">Waits for</span>
        {step.needs.length === 0 && <span className="small muted">nothing</span>}
        {step.needs.map((need) => (
          <Button
            key={need}
            size="compact-xs"
            variant="default"
            rightSection={<Icon name="close" size={10} />}
            aria-label={`Wait for ${need} no longer`}
            onClick={() => builder.edit(disconnect(need, step.name))}
          >
            {need}
          </Button>
        ))}
        {possible.length > 0 && (
          <NativeSelect
            size="xs"
            aria-label="Wait for another step"
            value=""
            onChange={(event) => builder.edit(connect(event.currentTarget.value, step.name))}
            data={[{ value: "", label: "add…" }, ...possible]}
          />
        )}
      </div>
      {error !== undefined && <p className="field-error small">{error}</p>}
    </div>
  );
}
