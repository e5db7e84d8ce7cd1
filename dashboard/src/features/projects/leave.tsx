import { Button } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";
import { http, take } from "@/api/client";
import type { ProjectDetail } from "@/api/generated/schema";
import { fork as forkQuery } from "@/api/queries";
import { Problem } from "@/components/problem";

/** How a project goes: a fork with all its data, another without a trace in its folder. */
export function Leave({ project, isGone }: { project: ProjectDetail; isGone: boolean }) {
  if (project.forked_from !== null) return <Discard project={project} isGone={isGone} />;
  return isGone ? null : <Forget project={project} />;
}

function Forget({ project }: { project: ProjectDetail }) {
  const navigate = useNavigate();
  const forget = useMutation({
    mutationFn: () =>
      take(
        http.DELETE("/api/v1/projects/{project}", { params: { path: { project: project.id } } }),
      ),
    onSuccess: () => void navigate({ to: "/projects" }),
  });
  return (
    <Sure
      ask="Forget this project…"
      means="The folder stays as it is; the project's name and ports are given up."
      does={`Forget ${project.name}`}
      onSure={() => forget.mutate()}
    >
      {forget.error !== null && <Problem error={forget.error} />}
    </Sure>
  );
}

function Discard({ project, isGone }: { project: ProjectDetail; isGone: boolean }) {
  const navigate = useNavigate();
  const fork = useQuery(forkQuery(project.id));
  const discard = useMutation({
    mutationFn: () =>
      take(
        http.POST("/api/v1/projects/{project}/discard", {
          params: { path: { project: project.id } },
        }),
      ),
    onSuccess: () => void fork.refetch(),
  });
  const isDone = discard.isSuccess && isGone;
  useEffect(() => {
    if (isDone) void navigate({ to: "/projects" });
  }, [isDone, navigate]);
  if (isGone) return null;
  if (discard.isSuccess || fork.data?.phase === "discarding") {
    return <output className="small muted">Its services are stopped and its data removed…</output>;
  }
  return (
    <Sure
      ask="Discard this fork…"
      means={`Its services are stopped, and its data, ports and logs are gone for good. ${project.forked_from_name} and the folder stay as they are.`}
      does={`Discard ${project.name} and all its data`}
      onSure={() => discard.mutate()}
    >
      {discard.error !== null && <Problem error={discard.error} />}
    </Sure>
  );
}

/** Asks once more, in place. */
function Sure({
  ask,
  means,
  does,
  onSure,
  children,
}: {
  ask: string;
  means: string;
  does: string;
  onSure: () => void;
  children: ReactNode;
}) {
  const [isSure, setSure] = useState(false);
  return (
    <div className="line small muted">
      {children}
      {isSure ? (
        <>
          <span>{means}</span>
          <Button size="xs" color="red" variant="outline" onClick={onSure}>
            {does}
          </Button>
          <button type="button" className="link" onClick={() => setSure(false)}>
            Keep it
          </button>
        </>
      ) : (
        <button type="button" className="link" onClick={() => setSure(true)}>
          {ask}
        </button>
      )}
    </div>
  );
}
