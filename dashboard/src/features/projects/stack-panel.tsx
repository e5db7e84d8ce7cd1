import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Suspense, useState } from "react";
import { http, take } from "@/api/client";
import type { StackView } from "@/api/generated/schema";
import { stack as stackQuery } from "@/api/queries";
import { Icon } from "@/components/icons";
import { Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { State } from "@/components/state";
import { Ago } from "@/components/time";
import { lazyPart } from "@/lib/lazy";
import { useMay } from "@/lib/may";
import { stackStatus } from "@/lib/status";
import { ServiceRow } from "./service-row";

const LimitsDialog = lazyPart(() => import("./limits-dialog"));
const ServiceLog = lazyPart(() => import("./service-log"));

type Verb = "start" | "stop" | "restart";

/** The project's services: start and stop them, see each come up, and read what they say. */
export function StackPanel({
  stack,
  openService,
  onOpenService,
}: {
  stack: StackView;
  openService: string | undefined;
  onOpenService: (service: string | undefined) => void;
}) {
  const client = useQueryClient();
  const mayRun = useMay("stacks:run");
  const [isChanging, setChanging] = useState(false);
  const [hasChanged, setChanged] = useState(false);
  const { queryKey } = stackQuery(stack.project_id);
  const ask = useMutation({
    mutationFn: (verb: Verb) =>
      take(
        http.POST(`/api/v1/projects/{project}/${verb}`, {
          params: { path: { project: stack.project_id } },
        }),
      ),
    onSuccess: (answer, verb) => {
      client.setQueryData(queryKey, answer);
      if (verb !== "stop") setChanged(false);
    },
  });
  const status = stackStatus(stack);
  const isStill = stack.state === "stopped" || stack.state === "error";
  const done = stack.services.filter(({ healthy }) => healthy).length;
  return (
    <Panel
      title={
        <span className="line">
          Services
          <State state={stack.state} tone={status.tone} word={status.word} />
          {stack.state === "starting" && !stack.is_copied && (
            <span className="small muted">
              {done} of {stack.services.length} healthy
            </span>
          )}
        </span>
      }
      aside={
        mayRun && (
          <span className="line">
            {stack.services.length > 0 && (
              <Button size="xs" variant="default" onClick={() => setChanging(true)}>
                Limits and ports…
              </Button>
            )}
            {/* Each keeps its place: a second click must not meet another one. */}
            <Button
              size="xs"
              leftSection={<Icon name="play" size={14} />}
              disabled={ask.isPending || !isStill || stack.services.length === 0}
              onClick={() => ask.mutate("start")}
            >
              Start
            </Button>
            <Button
              size="xs"
              variant="default"
              disabled={ask.isPending || isStill || stack.state === "stopping"}
              onClick={() => ask.mutate("restart")}
            >
              Restart
            </Button>
            <Button
              size="xs"
              variant="default"
              disabled={ask.isPending || ["stopped", "stopping"].includes(stack.state)}
              onClick={() => ask.mutate("stop")}
            >
              Stop
            </Button>
          </span>
        )
      }
    >
      {ask.error !== null && <Problem error={ask.error} />}
      {stack.reason !== "" && (
        <p className={status.tone === "bad" ? "problem" : "note"}>{stack.reason}</p>
      )}
      {hasChanged && !isStill && (
        <p className="note line" role="status">
          <span>Saved. It holds from the next start on.</span>
          <button type="button" className="link" onClick={() => ask.mutate("restart")}>
            Restart now
          </button>
        </p>
      )}
      {stack.services.length === 0 && stack.reason === "" && (
        <p className="empty">This project has no services.</p>
      )}
      <ul className="rows">
        {stack.services.map((service) => (
          <ServiceRow
            key={service.name}
            projectId={stack.project_id}
            service={service}
            checkedAt={stack.checked_at}
            mayRun={mayRun}
            isOpen={openService === service.name}
            onOpen={() => onOpenService(openService === service.name ? undefined : service.name)}
          />
        ))}
      </ul>
      <Suspense>
        {openService !== undefined && <ServiceLog stack={stack} name={openService} />}
        {isChanging && (
          <LimitsDialog
            stack={stack}
            onClose={() => setChanging(false)}
            onSaved={(saved) => {
              client.setQueryData(queryKey, saved);
              setChanging(false);
              setChanged(true);
            }}
          />
        )}
      </Suspense>
      <LeftOut source={stack.source} />
      <footer className="stack-foot small muted">
        <span>{sourceWords(stack.source)}</span>
        {stack.last_started_at !== null && (
          <span>
            last started <Ago at={stack.last_started_at} />
          </span>
        )}
        {stack.last_stopped_at !== null && (
          <span>
            last stopped <Ago at={stack.last_stopped_at} />
          </span>
        )}
      </footer>
    </Panel>
  );
}

/** What the definition has and is not run, each with the reason. */
function LeftOut({ source }: { source: Record<string, unknown> }) {
  const leftOut = (source.left_out ?? []) as { service: string; reason: string }[];
  const notes = (source.notes ?? []) as unknown[];
  if (leftOut.length === 0 && notes.length === 0) return null;
  return (
    <ul className="left-out small muted">
      {leftOut.map(({ service, reason }) => (
        <li key={service}>
          {service} is left out: {reason}
        </li>
      ))}
      {notes.map(String).map((note) => (
        <li key={note}>{note}</li>
      ))}
    </ul>
  );
}

function sourceWords(source: Record<string, unknown>): string {
  const files = source.files;
  if (Array.isArray(files) && files.length > 0) return `from ${files.join(", ")}`;
  return source.kind === "default" ? "the default stack" : "";
}
