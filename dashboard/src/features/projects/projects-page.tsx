import "./projects.css";
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { projects } from "@/api/queries";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { useMay } from "@/lib/may";
import { AddProject } from "./add-project";
import { ProjectRow } from "./project-row";

export default function ProjectsPage() {
  const found = useQuery(projects);
  const [isAdding, setAdding] = useState(false);
  const mayAdd = useMay("projects:write");
  return (
    <Page
      title="Projects"
      actions={
        mayAdd && (
          <Button size="sm" onClick={() => setAdding(true)}>
            Add a project
          </Button>
        )
      }
    >
      <AddProject opened={isAdding} onClose={() => setAdding(false)} />
      {found.error !== null && <Problem error={found.error} />}
      {found.data !== undefined && (
        <Panel title="All projects">
          {found.data.items.length === 0 ? (
            <p className="empty">
              A project is a folder on the hub's machine: its services run from here, and agents
              work on it.{" "}
              {mayAdd && (
                <button type="button" className="link" onClick={() => setAdding(true)}>
                  Add the first one
                </button>
              )}
            </p>
          ) : (
            <ul className="rows">
              {found.data.items.map((project) => (
                <ProjectRow key={project.id} project={project} />
              ))}
            </ul>
          )}
        </Panel>
      )}
    </Page>
  );
}
