import { Button, Drawer, SegmentedControl, Tabs } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { AttemptView, RunView, StepView } from "@/api/generated/schema";
import type { RunSearch } from "@/app/router";
import { Json } from "@/components/json";
import { LogView } from "@/components/log/log-view";
import { State } from "@/components/state";
import { Elapsed, Moment } from "@/components/time";
import { bytes, count } from "@/lib/format";
import { useMay } from "@/lib/may";
import { hasEnded } from "@/lib/status";
import { Findings, findingsIn } from "./findings";

/** One step of a run in full. What it shows is in the address: a link leads to the same. */
export default function StepDrawer({
  run,
  search,
  onChange,
  onRerun,
}: {
  run: RunView;
  search: RunSearch;
  onChange: (search: RunSearch) => void;
  onRerun: (node: string) => void;
}) {
  const step = run.steps?.find(({ node }) => node === search.step);
  return (
    <Drawer
      opened={step !== undefined}
      onClose={() => onChange({})}
      size="min(46rem, 100vw)"
      title={
        step !== undefined && (
          <span className="line">
            <strong>{step.node}</strong> <State state={step.state} />
          </span>
        )
      }
    >
      {step !== undefined && (
        <StepContent run={run} step={step} search={search} onChange={onChange} onRerun={onRerun} />
      )}
    </Drawer>
  );
}

function StepContent({
  run,
  step,
  search,
  onChange,
  onRerun,
}: {
  run: RunView;
  step: StepView;
  search: RunSearch;
  onChange: (search: RunSearch) => void;
  onRerun: (node: string) => void;
}) {
  const mayStart = useMay("runs:start");
  const artifacts = run.artifacts?.filter(({ node }) => node === step.node) ?? [];
  const findings = findingsIn(step.outputs);
  const hasLog = step.attempts.length + step.checks.length > 0;
  const usual = step.outputs !== null ? "outputs" : hasLog ? "log" : "inputs";
  return (
    <div className="stack">
      {step.message !== "" && (
        <p className={step.state === "failed" ? "problem" : "note"}>
          {step.reason !== null && <strong>{step.reason.replaceAll("_", " ")}</strong>}
          <span>{step.message}</span>
        </p>
      )}
      <div className="line">
        {step.state === "waiting" && step.approval_id !== null && (
          <Link to="/approvals/$approval" params={{ approval: step.approval_id }}>
            Decide about it
          </Link>
        )}
        {hasEnded(run.state) && mayStart && (
          <Button size="xs" variant="default" onClick={() => onRerun(step.node)}>
            Run again from here…
          </Button>
        )}
      </div>
      <StepFacts run={run} step={step} />
      <Tabs
        value={search.tab ?? usual}
        onChange={(tab) => onChange({ ...search, tab: tab ?? undefined })}
        keepMounted={false}
      >
        <Tabs.List>
          <Tabs.Tab value="outputs" disabled={step.outputs === null}>
            Outputs
          </Tabs.Tab>
          <Tabs.Tab value="log" disabled={!hasLog}>
            Log
          </Tabs.Tab>
          <Tabs.Tab value="inputs">Inputs</Tabs.Tab>
          <Tabs.Tab value="artifacts" disabled={artifacts.length === 0}>
            Artifacts{artifacts.length > 0 && ` ${artifacts.length}`}
          </Tabs.Tab>
          <Tabs.Tab value="attempts" disabled={!hasLog}>
            Attempts {step.attempts.length + step.checks.length}
          </Tabs.Tab>
        </Tabs.List>
        <div className="tab-body">
          <Tabs.Panel value="outputs">
            <div className="stack">
              {findings.length > 0 && <Findings findings={findings} />}
              {step.outputs !== null && <Json value={step.outputs} label="Outputs" />}
            </div>
          </Tabs.Panel>
          <Tabs.Panel value="log">
            <StepLog run={run} step={step} search={search} onChange={onChange} />
          </Tabs.Panel>
          <Tabs.Panel value="inputs">
            {step.inputs === null ? (
              <p className="muted">They are known once the step is ready to start.</p>
            ) : (
              <Json value={step.inputs} label="Inputs" />
            )}
          </Tabs.Panel>
          <Tabs.Panel value="artifacts">
            <ul className="rows">
              {artifacts.map((artifact) => (
                <li key={artifact.id} className="row">
                  <a
                    className="grow mono clip"
                    href={`/api/v1/artifacts/${artifact.id}/content`}
                    download={artifact.name}
                  >
                    {artifact.name}
                  </a>
                  <span className="muted small">
                    {artifact.media_type}, {bytes(artifact.size_bytes)}
                  </span>
                </li>
              ))}
            </ul>
          </Tabs.Panel>
          <Tabs.Panel value="attempts">
            <ul className="rows">
              {[...step.checks, ...step.attempts].map((attempt) => (
                <AttemptRow key={attempt.id} attempt={attempt} isCheck={"report" in attempt} />
              ))}
            </ul>
          </Tabs.Panel>
        </div>
      </Tabs>
    </div>
  );
}

function StepFacts({ run, step }: { run: RunView; step: StepView }) {
  return (
    <dl className="facts">
      <dt>Agent</dt>
      <dd className="mono">
        {step.agent}@{step.agent_version}
      </dd>
      {step.started_at !== null && (
        <>
          <dt>Time</dt>
          <dd>
            <Elapsed from={step.started_at} to={step.finished_at} />, began{" "}
            <Moment at={step.started_at} />
          </dd>
        </>
      )}
      {step.retry_at !== null && (
        <>
          <dt>Tried again</dt>
          <dd>
            <Moment at={step.retry_at} />
          </dd>
        </>
      )}
      {step.reused_from !== null && (
        <>
          <dt>Taken over from</dt>
          <dd>
            <Link to="/runs/$run" params={{ run: run.rerun_of ?? step.reused_from }}>
              {step.reused_from}
            </Link>
          </dd>
        </>
      )}
      {step.needs.length > 0 && (
        <>
          <dt>Needs</dt>
          <dd>{step.needs.join(", ")}</dd>
        </>
      )}
    </dl>
  );
}

function AttemptRow({ attempt, isCheck }: { attempt: AttemptView; isCheck: boolean }) {
  return (
    <li className="row">
      <div className="grow">
        <div className="line">
          {isCheck ? "Check" : "Attempt"} {attempt.number} <State state={attempt.state} />
        </div>
        {attempt.message !== "" && <div className="small wrap">{attempt.message}</div>}
        <div className="small muted">
          {[
            attempt.runtime,
            attempt.exit_code === null ? null : `exit code ${attempt.exit_code}`,
            attempt.cpu_seconds === null ? null : `${attempt.cpu_seconds.toFixed(2)} s of CPU`,
            attempt.memory_peak_bytes === null
              ? null
              : `${bytes(attempt.memory_peak_bytes)} at most`,
          ]
            .filter(Boolean)
            .join(", ")}
        </div>
      </div>
      <Elapsed from={attempt.started_at} to={attempt.finished_at} />
    </li>
  );
}

function StepLog({
  run,
  step,
  search,
  onChange,
}: {
  run: RunView;
  step: StepView;
  search: RunSearch;
  onChange: (search: RunSearch) => void;
}) {
  const isCheck = search.check ?? step.attempts.length === 0;
  const known = isCheck ? step.checks : step.attempts;
  const number = search.attempt ?? known.at(-1)?.number ?? 1;
  const query = { attempt: String(number), ...(isCheck ? { check: "true" } : {}) };
  const path = `/api/v1/runs/${run.id}/steps/${encodeURIComponent(step.node)}/logs`;
  const choices = [
    ...step.checks.map((check) => ({ value: `c${check.number}`, label: `check ${check.number}` })),
    ...step.attempts.map((each) => ({ value: `a${each.number}`, label: `#${each.number}` })),
  ];
  return (
    <div className="stack">
      {choices.length > 1 && (
        <SegmentedControl
          size="xs"
          aria-label={count(choices.length, "log")}
          data={choices}
          value={`${isCheck ? "c" : "a"}${number}`}
          onChange={(value) =>
            onChange({
              ...search,
              tab: "log",
              attempt: Number(value.slice(1)),
              check: value.startsWith("c") || undefined,
            })
          }
        />
      )}
      <LogView
        source={{ path, query }}
        download={`${path}/download?${new URLSearchParams(query)}`}
        height="min(60vh, 40rem)"
      />
    </div>
  );
}
