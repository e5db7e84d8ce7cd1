import { Button } from "@mantine/core";
import { openStartRun } from "@/features/runs/start-run";

/** What to do at an empty hub, in order. */
export function FirstSteps({
  hasProject,
  onAddProject,
}: {
  hasProject: boolean;
  onAddProject: () => void;
}) {
  return (
    <ol className="first-steps">
      <li>
        <h3>Add a project</h3>
        <p className="muted">A folder on the hub's machine. Nothing is written into it.</p>
        <Button size="xs" variant={hasProject ? "default" : "filled"} onClick={onAddProject}>
          {hasProject ? "Add another" : "Choose a folder"}
        </Button>
      </li>
      <li>
        <h3>Let agents look at it</h3>
        <p className="muted">
          review-and-patch scans and reviews it, each agent in a sandbox of its own.
        </p>
        <Button
          size="xs"
          variant={hasProject ? "filled" : "default"}
          disabled={!hasProject}
          onClick={() => openStartRun({ workflow: "review-and-patch" })}
        >
          Start review-and-patch
        </Button>
      </li>
      <li>
        <h3>Decide</h3>
        <p className="muted">
          What could change something waits for you, with the exact change. It shows up here, in the
          tab's title and on a phone.
        </p>
      </li>
    </ol>
  );
}
