import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent as loadedPage,
} from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Level, RunState } from "@/api/generated/schema";
import { Problem } from "@/components/problem";
import { LEVELS, RUN_STATES } from "@/lib/status";
import { NotFound } from "./not-found";
import { Shell } from "./shell";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

/** What may stand behind the `?` of a run's page: which step's drawer is open, and what it shows. */
export type RunSearch = { step?: string; attempt?: number; tab?: string; check?: boolean };
export type CompareSearch = { only?: "differing" };
export type ProjectSearch = { service?: string };
export type RunsSearch = { state?: RunState };
export type FindingsSearch = { level?: Level; project?: string };
export type AuditSearch = { who?: string; action?: string };
export type MetricsSearch = { hours?: number };

/** Browsers drop a request when an interface of the machine comes or goes: it is asked for again. */
const lazyRouteComponent = (load: () => Promise<{ default: () => ReactNode }>) =>
  loadedPage(() => load().catch(load));

/** What an address says wrongly is taken out of it: the page shows what its address says. */
const one = <T extends string>(value: unknown, known: readonly T[]): T | undefined =>
  known.find((each) => each === value);

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

const routeTree = root.addChildren([
  createRoute({
    getParentRoute: () => root,
    path: "/",
    component: lazyRouteComponent(() => import("@/features/overview/overview-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/projects",
    component: lazyRouteComponent(() => import("@/features/projects/projects-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/projects/$project",
    validateSearch: (search): ProjectSearch => ({ service: text(search.service) }),
    component: lazyRouteComponent(() => import("@/features/projects/project-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/runs",
    validateSearch: (search): RunsSearch => ({ state: one(search.state, RUN_STATES) }),
    component: lazyRouteComponent(() => import("@/features/runs/runs-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/runs/$run",
    validateSearch: (search): RunSearch => ({
      step: text(search.step),
      tab: text(search.tab),
      attempt: Number(search.attempt) > 0 ? Number(search.attempt) : undefined,
      check: search.check === true ? true : undefined,
    }),
    component: lazyRouteComponent(() => import("@/features/runs/run-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/runs/$run/compare/$other",
    validateSearch: (search): CompareSearch =>
      search.only === "differing" ? { only: "differing" } : {},
    component: lazyRouteComponent(() => import("@/features/runs/compare/compare-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/approvals",
    component: lazyRouteComponent(() => import("@/features/approvals/approvals-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/approvals/$approval",
    component: lazyRouteComponent(() => import("@/features/approvals/approval-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/findings",
    validateSearch: (search): FindingsSearch => ({
      level: one(search.level, LEVELS),
      project: text(search.project),
    }),
    component: lazyRouteComponent(() => import("@/features/findings/findings-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/statistics",
    validateSearch: (search): MetricsSearch => ({
      hours: Number(search.hours) > 0 ? Number(search.hours) : undefined,
    }),
    component: lazyRouteComponent(() => import("@/features/metrics/metrics-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/settings",
    component: lazyRouteComponent(() => import("@/features/settings/settings-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/agents",
    component: lazyRouteComponent(() => import("@/features/agents/agents-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/workflows",
    component: lazyRouteComponent(() => import("@/features/workflows/workflows-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/workflows/$workflow",
    component: lazyRouteComponent(() => import("@/features/builder/builder-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/new-workflow",
    component: lazyRouteComponent(() => import("@/features/builder/builder-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/audit",
    validateSearch: (search): AuditSearch => ({
      who: text(search.who),
      action: text(search.action),
    }),
    component: lazyRouteComponent(() => import("@/features/admin/audit-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/people",
    component: lazyRouteComponent(() => import("@/features/admin/people-page")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/more",
    component: lazyRouteComponent(() => import("@/features/admin/more-page")),
  }),
]);

export const router = createRouter({
  routeTree,
  defaultPreload: "intent",
  scrollRestoration: true,
  defaultErrorComponent: ({ error }) => (
    <div className="page">
      <Problem error={error instanceof Error ? error : new Error(String(error))} />
    </div>
  ),
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
