import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { http, take } from "@/api/client";
import type { ServiceView } from "@/api/generated/schema";
import { stack as stackQuery } from "@/api/queries";
import { Problem } from "@/components/problem";
import { State } from "@/components/state";
import { Ago } from "@/components/time";
import { bytes, count } from "@/lib/format";
import { toneOf } from "@/lib/status";
import { Hardening } from "./hardening";
import { limitWords, remember, UsageChart } from "./usage-chart";

const STILL = new Set(["stopped", "pending", "stopping"]);

export function ServiceRow({
  projectId,
  service,
  checkedAt,
  mayRun,
  isOpen,
  onOpen,
}: {
  projectId: string;
  service: ServiceView;
  checkedAt: string;
  mayRun: boolean;
  isOpen: boolean;
  onOpen: () => void;
}) {
  const client = useQueryClient();
  const history = useUsage(service, checkedAt);
  const restart = useMutation({
    mutationFn: () =>
      take(
        http.POST("/api/v1/projects/{project}/services/{service}/restart", {
          params: {
            path: { project: projectId, service: service.name },
            header: { "idempotency-key": crypto.randomUUID() },
          },
        }),
      ),
    onSuccess: (answer) => client.setQueryData(stackQuery(projectId).queryKey, answer),
  });
  const isUp = !STILL.has(service.state);
  // A runtime that is away cannot be asked how it is.
  const state = service.state === "healthy" && !service.healthy ? "unknown" : service.state;
  return (
    <li className="service edge" data-tone={toneOf(state)}>
      <div className="service-main">
        <div className="line">
          <h3>{service.name}</h3>
          <State state={state} />
          {service.restarts > 0 && (
            <span className="small muted">restarted {count(service.restarts, "time")}</span>
          )}
        </div>
        {service.health_words !== "" && isUp && (
          <div className="small wrap">
            {service.health_words}
            {service.health_at !== null && (
              <span className="muted">
                {" "}
                <Ago at={service.health_at} />
              </span>
            )}
          </div>
        )}
        {service.message !== "" && (
          <div className="small wrap service-message">{service.message}</div>
        )}
        {service.progress !== "" && <div className="small wrap">{service.progress}</div>}
        {service.runs_as !== "" && <div className="small muted wrap">{service.runs_as}</div>}
        {restart.error !== null && <Problem error={restart.error} />}
      </div>
      <div className="service-ports small">
        {service.ports.map((port) =>
          isUp && port.address.startsWith("http") ? (
            <a key={port.service_port} href={port.address} target="_blank" rel="noreferrer">
              {port.address.replace(/^https?:\/\//, "")}
            </a>
          ) : (
            <span key={port.service_port} className="mono">
              {isUp ? port.address : port.address.replace(/^https?:\/\//, "")}
            </span>
          ),
        )}
      </div>
      <div className="service-usage">
        {isUp && (
          <>
            <UsageChart
              name="CPU"
              history={history.cpus}
              limit={service.cpus}
              show={(cores) => `${cores.toFixed(2)} cores`}
            />
            <UsageChart
              name="Memory"
              history={history.memory}
              limit={service.memory_bytes}
              show={bytes}
            />
            {service.pids.used !== null && (
              <div className="small usage-wide">
                {service.pids.used}{" "}
                <span className="muted">{limitWords(service.pids, String)} processes</span>
              </div>
            )}
          </>
        )}
      </div>
      <div className="service-actions line">
        <Button size="xs" variant="default" aria-expanded={isOpen} onClick={onOpen}>
          {isOpen ? "Close log" : "Log"}
        </Button>
        {mayRun && (
          <Button
            size="xs"
            variant="default"
            disabled={!isUp || restart.isPending}
            onClick={() => restart.mutate()}
          >
            Restart
          </Button>
        )}
      </div>
      <Hardening service={service.name} found={service.hardening} />
    </li>
  );
}

function useUsage(service: ServiceView, checkedAt: string): { cpus: number[]; memory: number[] } {
  const [history, setHistory] = useState<{ cpus: number[]; memory: number[] }>({
    cpus: [],
    memory: [],
  });
  const { used: cpus } = service.cpus;
  const { used: memory } = service.memory_bytes;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each look is a value, also the same
  useEffect(() => {
    setHistory((before) => ({
      cpus: remember(before.cpus, cpus),
      memory: remember(before.memory, memory),
    }));
  }, [checkedAt]);
  return history;
}
