import "../runs.css";
import "./compare.css";
import { Switch } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";
import type { RunView } from "@/api/generated/schema";
import { run as runQuery, workflow as workflowQuery } from "@/api/queries";
import { Diff } from "@/components/diff";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { State } from "@/components/state";
import { Ago, Elapsed } from "@/components/time";
import { count } from "@/lib/format";
import { unifiedDiff } from "@/lib/line-diff";
import { differing as differingInputs, given, inOrder, longer, pairs, same } from "./model";
import { Delta, PlainDiff, StepTable } from "./step-table";

const route = getRouteApi("/runs/$run/compare/$other");

/** Two runs beside each other, the earlier one first: what was asked, what came of it, how long. */
export default function ComparePage() {
  const params = route.useParams();
  const one = useQuery(runQuery(params.run));
  const other = useQuery(runQuery(params.other));
  const error = one.error ?? other.error;
  const name = one.data?.workflow_name;
  return (
    <Page
      title={name === undefined ? "Compare runs" : `Compare runs of ${name}`}
      crumbs={<Link to="/runs">Runs</Link>}
    >
      {error !== null && <Problem error={error} />}
      {one.data !== undefined && other.data !== undefined && (
        <Comparison one={one.data} other={other.data} />
      )}
    </Page>
  );
}

function Comparison({ one, other }: { one: RunView; other: RunView }) {
  const [before, after] = inOrder(one, other);
  const { only } = route.useSearch();
  const navigate = useNavigate();
  const steps = useMemo(() => pairs(before, after), [before, after]);
  const differing = steps.filter(({ differences }) => differences.length > 0);
  const shown = only === "differing" ? differing : steps;
  const inputs = [given(before.inputs), given(after.inputs)] as const;
  return (
    <>
      <Panel title="Runs">
        <RunFacts before={before} after={after} />
      </Panel>
      <Panel title="Inputs">
        <div className="body">
          {same(...inputs) ? (
            <p className="muted">They are the same.</p>
          ) : (
            <div className="stack">
              {differingInputs(...inputs).map(({ name, before: one, after: other }) => (
                <PlainDiff key={name} before={one} after={other} name={`input ${name}`} />
              ))}
            </div>
          )}
        </div>
      </Panel>
      {versionOf(before) !== versionOf(after) && <WorkflowDiff before={before} after={after} />}
      <Panel
        title={`Steps: ${differing.length} of ${count(steps.length, "step")} differ`}
        aside={
          <Switch
            size="xs"
            label="Only what differs"
            checked={only === "differing"}
            onChange={(event) =>
              void navigate({
                to: ".",
                search: event.currentTarget.checked ? { only: "differing" } : {},
                replace: true,
              })
            }
          />
        }
      >
        {shown.length === 0 ? (
          <p className="empty">Every step has the same state, inputs and outputs in both.</p>
        ) : (
          <StepTable steps={shown} before={before} after={after} />
        )}
      </Panel>
    </>
  );
}

const versionOf = (run: RunView) => `${run.workflow_name}@${run.workflow_version}`;

function RunFacts({ before, after }: { before: RunView; after: RunView }) {
  const row = (name: string, tell: (run: RunView) => ReactNode, differs: boolean | ReactNode) => (
    <tr>
      <th scope="row">{name}</th>
      <td>{tell(before)}</td>
      <td>{tell(after)}</td>
      <td>{typeof differs === "boolean" ? differs && "differs" : differs}</td>
    </tr>
  );
  const asker = (run: RunView) => run.requested_by_name ?? run.requested_by;
  return (
    <section className="scroll-x" tabIndex={0} aria-label="The runs">
      <table className="data comparison">
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">Earlier</th>
            <th scope="col">Later</th>
            <th scope="col">Change</th>
          </tr>
        </thead>
        <tbody>
          {row("Run", runLink, null)}
          {row(
            "Outcome",
            ({ state }) => (
              <State state={state} />
            ),
            before.state !== after.state,
          )}
          {before.message + after.message !== "" &&
            row("Message", ({ message }) => message || "–", before.message !== after.message)}
          {row(
            "Took",
            ({ started_at, finished_at }) => (
              <Elapsed from={started_at} to={finished_at} />
            ),
            <Delta seconds={longer(before, after)} most={0} />,
          )}
          {row("Workflow", workflowLink, versionOf(before) !== versionOf(after))}
          {row("Project", ({ project }) => project ?? "–", before.project_id !== after.project_id)}
          {row(
            "Asked for",
            ({ created_at }) => (
              <Ago at={created_at} />
            ),
            null,
          )}
          {row("By", asker, asker(before) !== asker(after))}
        </tbody>
      </table>
    </section>
  );
}

const runLink = ({ id }: RunView) => (
  <Link className="mono" to="/runs/$run" params={{ run: id }}>
    {id}
  </Link>
);

const workflowLink = ({ workflow_name, workflow_version }: RunView) => (
  <Link to="/workflows/$workflow" params={{ workflow: workflow_name }}>
    {workflow_name}, version {workflow_version}
  </Link>
);

function WorkflowDiff({ before, after }: { before: RunView; after: RunView }) {
  const one = useQuery(workflowQuery(versionOf(before)));
  const other = useQuery(workflowQuery(versionOf(after)));
  const error = one.error ?? other.error;
  return (
    <Panel title="Workflow">
      <div className="body">
        {error !== null && <Problem error={error} />}
        {one.data !== undefined && other.data !== undefined && (
          <Diff
            text={unifiedDiff(one.data.source, other.data.source, `${after.workflow_name}.yaml`)}
          />
        )}
      </div>
    </Panel>
  );
}
