/** Where what was looked for in vain would be listed, by the code of the hub's answer. */
const LISTS = {
  run_not_found: { to: "/runs", label: "All runs" },
  project_not_found: { to: "/projects", label: "All projects" },
  workflow_not_found: { to: "/workflows", label: "All workflows" },
  agent_not_found: { to: "/agents", label: "All agents" },
  approval_not_found: { to: "/approvals", label: "All approvals" },
} as const;

export type List = (typeof LISTS)[keyof typeof LISTS];

export function listFor(code: string): List | undefined {
  return Object.entries(LISTS).find(([known]) => known === code)?.[1];
}

/** The list that an address without a page would belong to: `/agents/x` to that of agents. */
export function listAround(path: string): List | undefined {
  const [, first] = path.split("/");
  return Object.values(LISTS).find(({ to }) => to === `/${first}`);
}
