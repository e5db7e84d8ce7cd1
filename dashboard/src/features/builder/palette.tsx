import { TextInput } from "@mantine/core";
import { useRef, useState } from "react";
import { createPortal } from "react-dom";
import type { AgentSummary } from "@/api/generated/schema";
import { followPointer, under } from "./drag";

const MANY = 8;

/** The agents there are: dragged into the graph, or added by pressing one. */
export function Palette({
  agents,
  onAdd,
}: {
  agents: readonly AgentSummary[];
  /** `after`: the step that the new one was dropped on. */
  onAdd: (agent: string, after: string | null) => void;
}) {
  const [wanted, setWanted] = useState("");
  const [ghost, setGhost] = useState<{ agent: string; x: number; y: number } | null>(null);
  // The click that ends a drag over the list it began in adds nothing.
  const wasDragged = useRef(false);
  const shown = agents.filter(({ name, description }) =>
    `${name} ${description}`.toLowerCase().includes(wanted.toLowerCase()),
  );
  return (
    <section className="palette" aria-label="Agents to add">
      {agents.length > MANY && (
        <TextInput
          size="xs"
          aria-label="Find an agent"
          placeholder="Find an agent"
          value={wanted}
          onChange={(event) => setWanted(event.currentTarget.value)}
        />
      )}
      <ul>
        {shown.map((agent) => (
          <li key={agent.id}>
            <button
              type="button"
              className="palette-agent edge"
              data-gate={agent.risk !== "AUTO" || undefined}
              title={agent.description}
              onPointerDown={(press) => {
                wasDragged.current = false;
                followPointer(press, {
                  onMove: (at) => {
                    wasDragged.current = true;
                    setGhost({ agent: agent.name, ...at });
                  },
                  onEnd: (at) => {
                    setGhost(null);
                    if (at === null) return;
                    const { step, isCanvas } = under(at);
                    if (isCanvas) onAdd(agent.name, step);
                  },
                });
              }}
              onClick={(event) => {
                if (event.detail === 0 || !wasDragged.current) onAdd(agent.name, null);
                wasDragged.current = false;
              }}
            >
              <span className="clip">{agent.name}</span>
              <span className="small muted">
                {agent.type.toLowerCase()}
                {agent.risk !== "AUTO" && ", asks first"}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className="small muted">No agent has this in its name.</p>}
      {ghost !== null &&
        createPortal(
          <div className="palette-ghost" style={{ left: ghost.x, top: ghost.y }}>
            {ghost.agent}
          </div>,
          document.body,
        )}
    </section>
  );
}
