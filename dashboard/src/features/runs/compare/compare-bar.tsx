import { Button } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import type { RunSummary } from "@/api/generated/schema";

/** Stands above a list of runs while two of them are being chosen. */
export function CompareBar({ chosen, onClose }: { chosen: RunSummary[]; onClose: () => void }) {
  const navigate = useNavigate();
  const [one, other] = chosen;
  return (
    <div className="row compare-bar">
      <span role="status">
        {one === undefined
          ? "Choose two runs of one workflow."
          : other === undefined
            ? `Choose another run of ${one.workflow_name}.`
            : `Two runs of ${one.workflow_name}.`}
      </span>
      <span className="line">
        <Button
          size="xs"
          disabled={one === undefined || other === undefined}
          onClick={() =>
            one !== undefined &&
            other !== undefined &&
            void navigate({
              to: "/runs/$run/compare/$other",
              params: { run: one.id, other: other.id },
            })
          }
        >
          Compare
        </Button>
        <Button size="xs" variant="default" onClick={onClose}>
          Leave it
        </Button>
      </span>
    </div>
  );
}
