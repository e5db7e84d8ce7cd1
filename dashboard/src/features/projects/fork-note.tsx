import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ForkView, ProjectDetail } from "@/api/generated/schema";
import { fork as forkQuery } from "@/api/queries";
import { Ago } from "@/components/time";
import { bytes, duration } from "@/lib/format";

/** Of which project this is a copy, and how far the copy is. */
export function ForkNote({ project }: { project: ProjectDetail }) {
  const { data: fork } = useQuery(forkQuery(project.id));
  return (
    <div className="run-facts" role="status">
      <span>
        A copy of{" "}
        <Link to="/projects/$project" params={{ project: project.forked_from_name ?? "" }}>
          {project.forked_from_name}
        </Link>
        {project.forked_at !== null && (
          <span className="muted">
            , made <Ago at={project.forked_at} />
          </span>
        )}
      </span>
      {fork !== undefined && <span className="muted">{phaseWords(fork)}</span>}
    </div>
  );
}

/** What became of a fork that is no project any more, where one of this name was given up. */
export function ForkFailed({ name }: { name: string }) {
  const { data: fork } = useQuery(forkQuery(name));
  if (fork === undefined || fork.phase !== "failed") return null;
  return (
    <p className="problem">
      <strong>
        {fork.name} could not be copied from {fork.origin_name}; nothing of it is left.
      </strong>
      <span>{fork.message}</span>
    </p>
  );
}

function phaseWords(fork: ForkView): string {
  switch (fork.phase) {
    case "copying":
      return fork.message || "is being copied";
    case "starting":
      return `${sizeWords(fork)}; its services are about to be started`;
    case "undoing":
      return `is given up: ${fork.message}`;
    case "discarding":
      return "is being discarded";
    default:
      return sizeWords(fork);
  }
}

function sizeWords({ size_bytes: size, pause_seconds: pause, origin_name: origin }: ForkView) {
  const copied = `${bytes(size ?? 0)} of data`;
  return pause === null
    ? `${copied}; ${origin} did not run`
    : `${copied}; ${origin} stood still for ${duration(pause)}`;
}
