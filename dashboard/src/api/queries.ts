import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { http, take } from "./client";
import type { ApprovalState, Level, RunState } from "./generated/schema";

/*
 * What is read from the hub, and under which key. `live/sync.ts` says which events make which key
 * out of date; nothing here is asked again by the clock unless it says so.
 */

export const me = queryOptions({
  queryKey: ["me"],
  queryFn: () => take(http.GET("/api/v1/me")),
});

export const projects = queryOptions({
  queryKey: ["projects"],
  queryFn: () => take(http.GET("/api/v1/projects", { params: { query: { limit: 200 } } })),
});

export const project = (name: string) =>
  queryOptions({
    queryKey: ["project", name],
    queryFn: () =>
      take(http.GET("/api/v1/projects/{project}", { params: { path: { project: name } } })),
  });

const USAGE_SECONDS = 2;

/** The stack by the project's id. What its services use is no event: it is asked for while wanted. */
export const stack = (projectId: string, { usage = false } = {}) =>
  queryOptions({
    queryKey: ["stack", projectId],
    queryFn: () =>
      take(
        http.GET("/api/v1/projects/{project}/status", { params: { path: { project: projectId } } }),
      ),
    refetchInterval: ({ state }) =>
      usage && state.data !== undefined && state.data.state !== "stopped"
        ? USAGE_SECONDS * 1000
        : false,
  });

const MOVING = new Set(["copying", "starting", "undoing", "discarding"]);

/** What becomes of a fork, by its name or id. How far the copy is, is no event. */
export const fork = (project: string) =>
  queryOptions({
    queryKey: ["project", project, "fork"],
    queryFn: () =>
      take(http.GET("/api/v1/projects/{project}/fork", { params: { path: { project } } })),
    refetchInterval: ({ state }) =>
      state.data !== undefined && MOVING.has(state.data.phase) ? 500 : false,
  });

export const folders = (path: string | null) =>
  queryOptions({
    queryKey: ["folders", path],
    queryFn: () =>
      take(http.GET("/api/v1/folders", { params: { query: path === null ? {} : { path } } })),
    staleTime: 0,
  });

export type RunsWanted = { state?: RunState; project_id?: string; workflow?: string };

export const runs = (wanted: RunsWanted = {}, limit = 100) =>
  queryOptions({
    queryKey: ["runs", wanted, limit],
    queryFn: () => take(http.GET("/api/v1/runs", { params: { query: { ...wanted, limit } } })),
  });

/** Runs to be counted, as every page does: asked for again when one begins or ends. */
export const openRuns = (state: "running" | "queued") =>
  queryOptions({
    queryKey: ["open-runs", state],
    queryFn: () => take(http.GET("/api/v1/runs", { params: { query: { state, limit: 50 } } })),
  });

/** Runs, the newest first; with `after` those that came before that run. */
export const runPages = (wanted: RunsWanted, after = "") =>
  infiniteQueryOptions({
    queryKey: ["runs", wanted, "pages", after],
    queryFn: ({ pageParam }) =>
      take(
        http.GET("/api/v1/runs", {
          params: { query: { ...wanted, limit: 50, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    initialPageParam: after,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });

export const run = (id: string) =>
  queryOptions({
    queryKey: ["run", id],
    queryFn: () => take(http.GET("/api/v1/runs/{run_id}", { params: { path: { run_id: id } } })),
  });

export const approvals = (state?: ApprovalState) =>
  queryOptions({
    queryKey: ["approvals", state ?? "all"],
    queryFn: () =>
      take(
        http.GET("/api/v1/approvals", {
          params: { query: { limit: 100, ...(state ? { state } : {}) } },
        }),
      ),
  });

export const approval = (id: string) =>
  queryOptions({
    queryKey: ["approval", id],
    queryFn: () =>
      take(http.GET("/api/v1/approvals/{approval_id}", { params: { path: { approval_id: id } } })),
  });

export type FindingsWanted = { level?: Level; project_id?: string };

export const findingPages = (wanted: FindingsWanted) =>
  infiniteQueryOptions({
    queryKey: ["findings", wanted],
    queryFn: ({ pageParam }) =>
      take(
        http.GET("/api/v1/findings", {
          params: { query: { ...wanted, limit: 100, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });

export const statistics = (hours: number) =>
  queryOptions({
    queryKey: ["statistics", hours],
    queryFn: () => take(http.GET("/api/v1/statistics", { params: { query: { hours } } })),
    staleTime: 10_000,
  });

export const settings = queryOptions({
  queryKey: ["settings"],
  queryFn: () => take(http.GET("/api/v1/settings")),
  staleTime: 0,
});

export const agents = queryOptions({
  queryKey: ["agents"],
  queryFn: () => take(http.GET("/api/v1/agents", { params: { query: { limit: 200 } } })),
});

export const workflows = queryOptions({
  queryKey: ["workflows"],
  queryFn: () => take(http.GET("/api/v1/workflows", { params: { query: { limit: 200 } } })),
});

export const workflow = (name: string) =>
  queryOptions({
    queryKey: ["workflow", name],
    queryFn: () =>
      take(http.GET("/api/v1/workflows/{workflow}", { params: { path: { workflow: name } } })),
  });

export type AuditWanted = { principal?: string; action?: string };

export const audit = (wanted: AuditWanted) =>
  infiniteQueryOptions({
    queryKey: ["audit", wanted],
    queryFn: ({ pageParam }) =>
      take(
        http.GET("/api/v1/audit", {
          params: { query: { ...wanted, limit: 100, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.next_cursor ? Number(last.next_cursor) : undefined),
    staleTime: 0,
  });

export const principals = queryOptions({
  queryKey: ["principals"],
  queryFn: () => take(http.GET("/api/v1/principals", { params: { query: { limit: 200 } } })),
  staleTime: 0,
});

export const tokens = (principalId: string) =>
  queryOptions({
    queryKey: ["tokens", principalId],
    queryFn: () =>
      take(
        http.GET("/api/v1/principals/{principal_id}/tokens", {
          params: { path: { principal_id: principalId }, query: { limit: 200 } },
        }),
      ),
    staleTime: 0,
  });

export const health = queryOptions({
  queryKey: ["health"],
  queryFn: () => take(http.GET("/health")),
  staleTime: 0,
});
