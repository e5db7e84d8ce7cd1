import "./builder.css";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useBlocker, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { IssueView, WorkflowDetail } from "@/api/generated/schema";
import { workflow as workflowQuery, workflows } from "@/api/queries";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { RunState, waitsForApproval } from "@/components/run-state";
import { State } from "@/components/state";
import { openStartRun } from "@/features/runs/start-run";
import { count } from "@/lib/format";
import { Canvas } from "./canvas";
import { keepDraft, readDraft } from "./draft";
import { ImportDialog } from "./import-dialog";
import { Issues } from "./issues";
import { LeaveDialog } from "./leave-dialog";
import { addSteps, freeName } from "./model/clipboard";
import { addStep, connect, disconnect, removeSteps } from "./model/edits";
import { canConnect, type Step } from "./model/workflow";
import { Palette } from "./palette";
import { check, saveWorkflow } from "./queries";
import { StepForm } from "./step-form";
import { Toolbar } from "./toolbar";
import { NOTHING, only, useBuilder, YAML } from "./use-builder";
import { useKeys } from "./use-keys";
import { useKnowledge } from "./use-knowledge";
import { VersionsDrawer } from "./versions";
import { YamlEditor } from "./yaml-editor";

const PAUSE_MS = 300;

export function BuilderView({ stored, source }: { stored: WorkflowDetail | null; source: string }) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [draft] = useState(() => readDraft(stored?.name ?? null));
  const builder = useBuilder(source, draft);
  const { text, workflow, lines, selection } = builder;
  const [saved, setSaved] = useState({ text: source, version: stored?.version ?? 0 });
  const [said, setSaid] = useState("");
  const [open, setOpen] = useState<"versions" | "import" | null>(null);
  const [place, setPlace] = useState<{ line: number; column: number } | null>(null);
  const known = useKnowledge(builder, stored?.name ?? null);
  const [resting] = useDebouncedValue(text, PAUSE_MS);
  const checked = useQuery(check(resting));
  // Nobody has done anything wrong yet where nobody has done anything.
  const isUntouched = stored === null && !builder.canUndo;
  const issues = isUntouched ? [] : (checked.data?.issues ?? []);
  const others = useQuery({ ...workflows, enabled: stored === null }).data?.items;
  const taken = stored === null ? others?.find(({ name }) => name === workflow.name) : undefined;
  const isChanged = text !== saved.text;
  const home = stored?.name ?? null;
  useEffect(() => keepDraft(home, isChanged ? text : null), [home, isChanged, text]);
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => isChanged && current.pathname !== next.pathname,
    enableBeforeUnload: isChanged,
    withResolver: true,
  });

  const save = useMutation({
    mutationFn: saveWorkflow,
    onSuccess: (now, sent) => {
      setSaved({ text: sent, version: now.version });
      keepDraft(home, null);
      client.setQueryData(workflowQuery(now.name).queryKey, now);
      if (now.name === stored?.name) return;
      void navigate({
        to: "/workflows/$workflow",
        params: { workflow: now.name },
        ignoreBlocker: true,
      });
    },
  });
  const tryOut = async () => {
    const name = isChanged || stored === null ? (await save.mutateAsync(text)).name : stored.name;
    openStartRun({ workflow: name });
  };

  const add = (agent: string, after: string | null) => {
    const name = freeName(agent, new Set(workflow.steps.map((step) => step.name)));
    const needs = after === null ? {} : { needs: [after] };
    if (!builder.edit(addStep(name, { agent, ...needs }))) return;
    builder.select(only(name));
    setSaid(`Step ${name} added${after === null ? "" : `, waits for ${after}`}`);
  };
  const join = (from: string, to: string) => {
    if (!canConnect(workflow.steps, from, to)) return;
    if (builder.edit(connect(from, to))) setSaid(`${to} waits for ${from}`);
  };
  const remove = () => {
    const { steps, edge } = selection;
    if (steps.size > 0) {
      if (builder.edit(removeSteps(steps))) setSaid(`${count(steps.size, "step")} removed`);
    } else if (edge !== null) {
      const { from, to } = edge;
      if (builder.edit(disconnect(from, to))) setSaid(`${to} waits for ${from} no longer`);
    }
    builder.select(NOTHING);
  };
  const paste = (steps: Step[]) => {
    if (!builder.edit(addSteps(steps))) return;
    builder.select({ steps: new Set(steps.map(({ name }) => name)), edge: null });
    setSaid(`${count(steps.length, "step")} pasted`);
  };
  useKeys(builder, { save: () => save.mutate(text), remove, paste });

  const [chosen] = selection.steps.size === 1 ? selection.steps : [];
  const step = workflow.steps.find(({ name }) => name === chosen);
  const show = (issue: IssueView) => {
    setPlace({ line: issue.line, column: issue.column });
    const name = lines.find(({ first, last }) => issue.line >= first && issue.line <= last)?.name;
    if (name !== undefined) builder.select(only(name));
  };
  return (
    <Page
      title={workflow.name === "" ? "Workflow" : workflow.name}
      crumbs={<Link to="/workflows">Workflows</Link>}
      heading={
        <span className="line">
          {workflow.name === "" ? "Workflow" : workflow.name}
          <span className="small muted version-note">
            {saved.version > 0 ? `version ${saved.version}` : "new"}
            {isChanged && ", changed"}
          </span>
        </span>
      }
      actions={
        <Toolbar
          builder={builder}
          isChanged={isChanged || stored === null}
          isSaving={save.isPending}
          isWrong={checked.data?.valid === false}
          onSave={() => save.mutate(text)}
          onTry={() => void tryOut().catch(() => undefined)}
          onImport={() => setOpen("import")}
          onVersions={stored === null ? null : () => setOpen("versions")}
        />
      }
    >
      <output className="sr-only">{said}</output>
      {save.error !== null && <Problem error={save.error} />}
      {builder.refused !== null && (
        <div className="note" role="alert">
          {builder.refused}
        </div>
      )}
      {taken !== undefined && (
        <div className="note">
          There is a workflow{" "}
          <Link to="/workflows/$workflow" params={{ workflow: taken.name }}>
            {taken.name}
          </Link>{" "}
          already, at version {taken.version}. Saving stores this text as its version{" "}
          {taken.version + 1}, which new runs then take. To keep both, give this one another name.
        </div>
      )}
      {stored !== null && stored.version > saved.version && (
        <div className="note">
          Somebody stored version {stored.version} while you had version {saved.version} open.
          Saving stores your text as version {stored.version + 1}, without what they changed.{" "}
          <button type="button" className="link" onClick={() => setOpen("versions")}>
            Compare with version {stored.version}
          </button>
        </div>
      )}
      {stored !== null && workflow.name !== "" && workflow.name !== stored.name && (
        <div className="note">
          It has another name now: saving makes a workflow {workflow.name} and leaves {stored.name}{" "}
          as it is.
        </div>
      )}
      <div className="builder">
        <div className="builder-graph">
          <Panel
            title="Graph"
            className={builder.isReadable ? "" : "is-behind"}
            aside={
              builder.isReadable ? (
                known.lastRun !== undefined && (
                  <Link
                    to="/runs/$run"
                    params={{ run: known.lastRun.id }}
                    className="line small last-run"
                  >
                    Last run{" "}
                    <RunState state={known.lastRun.state} waits={waitsForApproval(known.lastRun)} />
                  </Link>
                )
              ) : (
                <State state="waiting" word="as it was while the YAML could be read" />
              )
            }
          >
            <div className="builder-stage">
              <Palette agents={known.agents} onAdd={add} />
              <Canvas
                steps={workflow.steps}
                selection={selection}
                onSelect={builder.select}
                onConnect={join}
                onDelete={remove}
                issues={issuesByStep(issues)}
                asksFirst={({ agent, settings }) =>
                  settings.approval !== undefined || known.risky.has(agent.split("@")[0] ?? "")
                }
              />
            </div>
          </Panel>
          {step !== undefined && (
            <Panel title={`Step ${step.name}`}>
              <StepForm
                builder={builder}
                step={step}
                agents={known.agents}
                issues={issues}
                inTemplates={known.inTemplates(step.name)}
                inConditions={known.inConditions(step.name)}
              />
            </Panel>
          )}
        </div>
        <Panel title="YAML" className="builder-yaml">
          <YamlEditor
            text={text}
            onWrite={(next) => builder.write(next, YAML)}
            issues={issues}
            place={place}
            shown={lines.find(({ name }) => name === chosen) ?? null}
            complete={known.inYaml}
            onHistory={(kind) => builder[kind]()}
          />
          {checked.error !== null ? (
            <Problem error={checked.error} />
          ) : (
            <Issues
              issues={isUntouched || checked.data === undefined ? null : issues}
              onShow={show}
            />
          )}
        </Panel>
      </div>
      {open === "versions" && stored !== null && (
        <VersionsDrawer
          name={stored.name}
          text={text}
          onClose={() => setOpen(null)}
          onTake={(taken) => {
            builder.write(taken);
            setOpen(null);
          }}
        />
      )}
      {open === "import" && (
        <ImportDialog
          onClose={() => setOpen(null)}
          onTake={(taken) => {
            builder.write(taken);
            setOpen(null);
          }}
        />
      )}
      {blocker.status === "blocked" && (
        <LeaveDialog
          onStay={blocker.reset}
          onLeave={() => {
            keepDraft(home, null);
            blocker.proceed();
          }}
        />
      )}
    </Page>
  );
}

/** What is said against each step, as one text, so that a box is drawn again only if it changes. */
function issuesByStep(issues: readonly IssueView[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { path, message } of issues) {
    const name = /^nodes\.([\w-]+)/.exec(path)?.[1];
    if (name === undefined) continue;
    const before = found.get(name);
    found.set(name, before === undefined ? message : `${before}\n${message}`);
  }
  return found;
}
