import { Spotlight, type SpotlightActionData, spotlight } from "@mantine/spotlight";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { approvals, projects, runs, workflows } from "@/api/queries";
import { Icon } from "@/components/icons";
import { openStartRun } from "@/features/runs/start-run";
import { usePermissions } from "@/lib/may";
import { usePlaces } from "./places";

export const openPalette = () => spotlight.open();

/** Ctrl-K: every place, project, recent run, open approval and workflow by name. */
export function CommandPalette() {
  const navigate = useNavigate();
  const may = usePermissions();
  const places = usePlaces();
  // What is asked for here would be asked for again at every event, on every page.
  const [enabled, setEnabled] = useState(false);
  const known = {
    projects: useQuery({ ...projects, enabled }).data?.items ?? [],
    runs: useQuery({ ...runs(), enabled }).data?.items ?? [],
    approvals: useQuery({ ...approvals("pending"), enabled }).data?.items ?? [],
    workflows: useQuery({ ...workflows, enabled }).data?.items ?? [],
  };
  const actions: SpotlightActionData[] = [
    ...known.approvals.map((item) => ({
      id: item.id,
      label: `Decide: ${item.workflow}, ${item.node}`,
      description: `${item.agent} on ${item.project ?? "no project"}`,
      leftSection: <Icon name="approvals" />,
      keywords: ["approve", "reject", item.id],
      onClick: () => void navigate({ to: "/approvals/$approval", params: { approval: item.id } }),
    })),
    ...places.map((place) => ({
      id: place.to,
      label: place.label,
      description: "Go there",
      leftSection: <Icon name={place.icon} />,
      onClick: () => void navigate({ to: place.to }),
    })),
    ...(may("runs:start") ? known.workflows : []).map((item) => ({
      id: item.id,
      label: `Run ${item.name}`,
      description: "Start a run of this workflow",
      leftSection: <Icon name="play" />,
      onClick: () => openStartRun({ workflow: item.name }),
    })),
    ...known.workflows.map((item) => ({
      id: `edit ${item.id}`,
      label: `${may("workflows:write") ? "Edit" : "Look at"} ${item.name}`,
      description: "Open the builder",
      leftSection: <Icon name="workflows" />,
      onClick: () => void navigate({ to: "/workflows/$workflow", params: { workflow: item.name } }),
    })),
    ...known.projects.map((item) => ({
      id: item.id,
      label: item.name,
      description: item.path,
      leftSection: <Icon name="projects" />,
      keywords: ["project"],
      onClick: () => void navigate({ to: "/projects/$project", params: { project: item.name } }),
    })),
    ...known.runs.slice(0, 50).map((item) => ({
      id: item.id,
      label: `${item.workflow_name}, ${item.state}`,
      description: item.id,
      leftSection: <Icon name="runs" />,
      keywords: ["run", item.state],
      onClick: () => void navigate({ to: "/runs/$run", params: { run: item.id } }),
    })),
  ];
  return (
    <Spotlight
      actions={actions}
      onSpotlightOpen={() => setEnabled(true)}
      onSpotlightClose={() => setEnabled(false)}
      shortcut={["mod + K"]}
      nothingFound="Nothing has this in its name."
      highlightQuery
      limit={12}
      scrollable
      maxHeight={420}
      lockScroll={false}
      transitionProps={{ duration: 0 }}
      overlayProps={{ blur: 0 }}
      attributes={{ content: { "aria-label": "Find or do" } }}
      searchProps={{
        leftSection: <Icon name="search" />,
        placeholder: "A page, project, run, workflow…",
        "aria-label": "Find or do",
      }}
    />
  );
}
