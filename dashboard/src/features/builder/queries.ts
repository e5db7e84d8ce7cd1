import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { http, take } from "@/api/client";

export const agentDetail = (name: string) =>
  queryOptions({
    queryKey: ["agents", name],
    queryFn: () => take(http.GET("/api/v1/agents/{agent}", { params: { path: { agent: name } } })),
    retry: false,
    meta: { isAside: true },
  });

export const versions = (name: string) =>
  infiniteQueryOptions({
    queryKey: ["workflow", name, "versions"],
    queryFn: ({ pageParam }) =>
      take(
        http.GET("/api/v1/workflows/{workflow}/versions", {
          params: {
            path: { workflow: name },
            query: { limit: 50, ...(pageParam ? { cursor: pageParam } : {}) },
          },
        }),
      ),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.next_cursor ? Number(last.next_cursor) : undefined),
    meta: { isAside: true },
  });

/** A workflow's text goes to the hub as it is. */
const AS_YAML = {
  headers: { "Content-Type": "application/yaml" },
  bodySerializer: (text: unknown) => String(text),
};

export const saveWorkflow = (text: string) =>
  take(http.POST("/api/v1/workflows", { body: text, ...AS_YAML }));

/** The hub's own judgement of a text; the one before stays until it is there. */
export const check = (text: string) =>
  queryOptions({
    queryKey: ["workflow-check", text],
    queryFn: () => take(http.POST("/api/v1/workflows/validate", { body: text, ...AS_YAML })),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    gcTime: 60_000,
    retry: false,
    meta: { isAside: true },
  });
