import { useQueries } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ProjectView } from "@/api/generated/schema";
import { stack as stackQuery } from "@/api/queries";
import { Panel } from "@/components/page";
import { ProjectRow } from "@/features/projects/project-row";
import { stackStatus, urgency } from "@/lib/status";

/** The projects whose stacks need a look first; how many more there are is a link. */
export function ProjectsPanel({ projects, most }: { projects: ProjectView[]; most: number }) {
  const ranks = useQueries({
    queries: projects.map((project) => stackQuery(project.id)),
    // A stack that cannot be asked for is among the rest; nothing is shown before all are known.
    combine: (found) =>
      found.some(({ isPending }) => isPending)
        ? null
        : found.map(({ data }) => urgency(data === undefined ? undefined : stackStatus(data).tone)),
  });
  const rank = new Map(projects.map((project, index) => [project.id, ranks?.[index] ?? 0]));
  const ordered = [...projects].sort(
    (one, other) => (rank.get(one.id) ?? 0) - (rank.get(other.id) ?? 0),
  );
  const more = projects.length - most;
  return (
    <Panel title="Projects" aside={<Link to="/projects">All projects</Link>}>
      {projects.length === 0 && <p className="empty">There is no project yet.</p>}
      {ranks !== null && projects.length > 0 && (
        <ul className="rows">
          {ordered.slice(0, most).map((project) => (
            <ProjectRow key={project.id} project={project} />
          ))}
          {more > 0 && (
            <li className="row">
              <Link to="/projects">and {more} more</Link>
            </li>
          )}
        </ul>
      )}
    </Panel>
  );
}
