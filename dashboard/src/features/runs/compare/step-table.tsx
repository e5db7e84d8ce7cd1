import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { RunView, StepView } from "@/api/generated/schema";
import { Diff } from "@/components/diff";
import { State } from "@/components/state";
import { Elapsed } from "@/components/time";
import { count, duration } from "@/lib/format";
import { agentOf, jsonDiff, plainDiff, type StepPair } from "./model";

/** Shorter differences than this, in s, fill no bar. */
const SHORT = 1;

/** A row for each step; below it, once asked for, what of it differs. */
export function StepTable({
  steps,
  before,
  after,
}: {
  steps: StepPair[];
  before: RunView;
  after: RunView;
}) {
  const most = Math.max(SHORT, ...steps.map(({ seconds }) => Math.abs(seconds ?? 0)));
  return (
    <section className="scroll-x" tabIndex={0} aria-label="Steps of both runs">
      <table className="data comparison">
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Earlier</th>
            <th scope="col">Later</th>
            <th scope="col">Change</th>
          </tr>
        </thead>
        <tbody>
          {steps.map((step) => (
            <StepRows
              key={step.node}
              step={step}
              earlier={before.id}
              later={after.id}
              most={most}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function StepRows({
  step,
  earlier,
  later,
  most,
}: {
  step: StepPair;
  earlier: string;
  later: string;
  most: number;
}) {
  const { node, before, after, differences, seconds } = step;
  const told = differences.filter((name) => !["state", "attempts", "only in one"].includes(name));
  return (
    <>
      <tr>
        <th scope="row">{node}</th>
        <td>{before === null ? "–" : <Side step={before} run={earlier} which="earlier" />}</td>
        <td>{after === null ? "–" : <Side step={after} run={later} which="later" />}</td>
        <td>
          <Delta seconds={seconds} most={most} />
          {before === null && "only in the later run"}
          {after === null && "only in the earlier run"}
        </td>
      </tr>
      {before !== null && after !== null && told.length > 0 && (
        <tr className="more">
          <td colSpan={4}>
            <Differences node={node} before={before} after={after} told={told} />
          </td>
        </tr>
      )}
    </>
  );
}

function Side({ step, run, which }: { step: StepView; run: string; which: string }) {
  return (
    <>
      <Link to="/runs/$run" params={{ run }} search={{ step: step.node }}>
        <span className="sr-only">
          {step.node}, {which}:{" "}
        </span>
        <State state={step.state} />
      </Link>
      <div className="small muted">
        {step.reused_from === null ? (
          <>
            <Elapsed from={step.started_at} to={step.finished_at} />
            {step.attempts.length > 1 && ` ${count(step.attempts.length, "attempt")}`}
          </>
        ) : (
          "taken over"
        )}
      </div>
    </>
  );
}

/** By how much something took longer: in words, and as a bar that grows from the middle. */
export function Delta({ seconds, most }: { seconds: number | null; most: number }) {
  if (seconds === null) return null;
  const words = duration(Math.abs(seconds));
  const sign = words === duration(0) ? "" : seconds < 0 ? "−" : "+";
  return (
    <>
      <span className="mono nowrap">
        {sign}
        {words}
      </span>
      {most > 0 && (
        <span className="delta-lane" aria-hidden="true">
          <span
            className={`delta-bar ${seconds < 0 ? "less" : ""}`}
            style={{ width: `${(Math.abs(seconds) / most) * 50}%` }}
          />
        </span>
      )}
    </>
  );
}

function Differences({
  node,
  before,
  after,
  told,
}: {
  node: string;
  before: StepView;
  after: StepView;
  told: string[];
}) {
  // Differences are worked out when they are looked at: there may be a thousand of them.
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>
        Other {told.join(", ")}
        <span className="sr-only"> of {node}</span>
      </summary>
      {isOpen && (
        <div className="stack">
          {told.includes("agent") && (
            <p>
              <span className="mono">{agentOf(before)}</span>, later{" "}
              <span className="mono">{agentOf(after)}</span>
            </p>
          )}
          {told.includes("message") && (
            <>
              <Message which="Earlier" step={before} />
              <Message which="Later" step={after} />
            </>
          )}
          {told.includes("inputs") && (
            <JsonDiff before={before.inputs} after={after.inputs} name={`inputs of ${node}`} />
          )}
          {told.includes("outputs") && (
            <JsonDiff before={before.outputs} after={after.outputs} name={`outputs of ${node}`} />
          )}
        </div>
      )}
    </details>
  );
}

function Message({ which, step }: { which: string; step: StepView }) {
  return (
    <p className={step.state === "failed" ? "problem" : "note"}>
      <strong>
        {which}
        {step.reason !== null && `: ${step.reason.replaceAll("_", " ")}`}
      </strong>
      <span>{step.message || "no message"}</span>
    </p>
  );
}

type Values = { before: unknown; after: unknown; name: string };

function JsonDiff({ before, after, name }: Values) {
  return <BoundedDiff {...jsonDiff(before, after, name)} />;
}

export function PlainDiff({ before, after, name }: Values) {
  return <BoundedDiff {...plainDiff(before, after, name)} />;
}

function BoundedDiff({ text, isCut }: { text: string; isCut: boolean }) {
  return (
    <div>
      <Diff text={text} />
      {isCut && (
        <p className="small muted">This is its beginning; all of it is on the pages of the runs.</p>
      )}
    </div>
  );
}
