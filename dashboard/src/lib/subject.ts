export type Subject =
  | { to: "/runs/$run"; params: { run: string } }
  | { to: "/approvals/$approval"; params: { approval: string } }
  | { to: "/projects/$project"; params: { project: string } }
  | { to: "/workflows/$workflow"; params: { workflow: string } };

/**
 * The page of what an entry of the audit log is about, by its id. A workflow's page is that of its
 * name, which the entry has; nothing where there is no page of it.
 */
export function subjectPlace(id: string, data: Record<string, unknown>): Subject | null {
  const kind = /^([a-z]+)_[0-9a-z]+$/.exec(id)?.[1];
  if (kind === "workflow" && typeof data.name === "string") {
    return { to: "/workflows/$workflow", params: { workflow: data.name } };
  }
  if (kind === "run") return { to: "/runs/$run", params: { run: id } };
  if (kind === "apr") return { to: "/approvals/$approval", params: { approval: id } };
  return kind === "project" ? { to: "/projects/$project", params: { project: id } } : null;
}
