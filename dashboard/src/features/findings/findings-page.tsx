import { More } from "@/components/more";
import "@/features/runs/runs.css";
import "./findings.css";
import { NativeSelect } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import type { FindingView, Level } from "@/api/generated/schema";
import { findingPages, projects } from "@/api/queries";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { State } from "@/components/state";
import { Ago } from "@/components/time";
import { openStartRun } from "@/features/runs/start-run";
import { LEVELS, type Tone } from "@/lib/status";
import { visible } from "@/lib/visible";

const TONES: Record<Level, Tone> = { critical: "bad", warning: "waiting", info: "idle" };
const route = getRouteApi("/findings");

/** What agents found in projects, as the newest result of each step says. */
export default function FindingsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const { level } = search;
  const known = useQuery(projects);
  const places = known.data?.items ?? [];
  const project = places.find(({ name }) => name === search.project);
  const isKnown = search.project === undefined || project !== undefined;
  const found = useInfiniteQuery({
    ...findingPages({
      ...(level === undefined ? {} : { level }),
      ...(project === undefined ? {} : { project_id: project.id }),
    }),
    enabled: isKnown || !known.isPending,
    // The counts are of all levels: they stay while those of one are on their way.
    placeholderData: keepPreviousData,
  });
  const first = found.data?.pages[0];
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  const all = LEVELS.reduce((sum, each) => sum + (first?.counts[each] ?? 0), 0);
  return (
    <Page title="Findings">
      <div className="line filter-bar">
        <nav className="filters" aria-label="Level">
          <Link
            to="/findings"
            search={{ project: search.project }}
            aria-current={level === undefined ? "page" : undefined}
          >
            all {first !== undefined && all}
          </Link>
          {LEVELS.filter((each) => each === level || first?.counts[each] !== 0).map((each) => (
            <Link
              key={each}
              to="/findings"
              search={{ project: search.project, level: each }}
              aria-current={level === each ? "page" : undefined}
            >
              {each} {first?.counts[each]}
            </Link>
          ))}
        </nav>
        <NativeSelect
          size="xs"
          aria-label="Project"
          value={project?.name ?? ""}
          data={[{ value: "", label: "all projects" }, ...places.map(({ name }) => name)]}
          onChange={(event) =>
            void navigate({
              to: "/findings",
              search: { level, project: event.currentTarget.value || undefined },
            })
          }
        />
      </div>
      {!isKnown && known.data !== undefined && (
        <div className="note" role="status">
          There is no project {search.project}: this is what was found in all of them.{" "}
          <Link to="/findings" search={{ level }}>
            Leave it out
          </Link>
        </div>
      )}
      {found.error !== null && <Problem error={found.error} />}
      {first?.is_cut && (
        <p className="note">There is more than was read: choose a project to see all of it.</p>
      )}
      {found.data !== undefined && (
        <Panel title="The gravest first">
          {items.length === 0 ? (
            <p className="empty">
              {all > 0 ? "Nothing of this level was found." : "No agent has found anything yet. "}
              {all === 0 && (
                <button
                  type="button"
                  className="link"
                  onClick={() =>
                    openStartRun({ workflow: "review-and-patch", project: project?.name })
                  }
                >
                  Let them look
                </button>
              )}
            </p>
          ) : (
            <ul className="rows">
              {items.map((finding) => (
                <Finding key={finding.id} finding={finding} />
              ))}
            </ul>
          )}
        </Panel>
      )}
      <More of={found}>More findings</More>
    </Page>
  );
}

function Finding({ finding }: { finding: FindingView }) {
  const tone = TONES[finding.level];
  const place = finding.line === null ? finding.file : `${finding.file}:${finding.line}`;
  return (
    <li className="row edge finding" data-tone={tone}>
      <div className="finding-level">
        <State state={finding.level} tone={tone} />
        {finding.severity.toLowerCase() !== finding.level && (
          <div className="small muted wrap">told as {visible(finding.severity)}</div>
        )}
      </div>
      <div className="grow">
        <div className="wrap">{visible(finding.message)}</div>
        {place !== "" && <div className="mono small wrap">{visible(place)}</div>}
        {finding.suggestion !== "" && (
          <div className="small muted wrap">{visible(finding.suggestion)}</div>
        )}
      </div>
      <div className="finding-from small muted">
        <Link to="/projects/$project" params={{ project: finding.project }}>
          {finding.project}
        </Link>
        <span>
          <Link
            to="/runs/$run"
            params={{ run: finding.run_id }}
            search={{ step: finding.node, tab: "outputs" }}
          >
            {finding.agent}
          </Link>{" "}
          <Ago at={finding.at} />
        </span>
        <span className="mono">{visible(finding.rule || finding.category)}</span>
      </div>
    </li>
  );
}
