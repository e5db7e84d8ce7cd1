import { Modal } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { openStartRun } from "@/features/runs/start-run";
import { useMay } from "@/lib/may";
import { usePlaces } from "./places";

const CHORD_MS = 1200;

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName))
  );
}

/** Keys that work everywhere: `g` and a letter goes somewhere, `n` starts a run, `?` lists them. */
export function Shortcuts() {
  const navigate = useNavigate();
  const places = usePlaces();
  const mayStart = useMay("runs:start");
  const [isShown, setShown] = useState(false);
  const chordUntil = useRef(0);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('[role="dialog"]') !== null) return;
      const isChord = event.timeStamp < chordUntil.current;
      chordUntil.current = 0;
      if (isChord) {
        const place = places.find(({ key }) => key === event.key);
        if (place !== undefined) void navigate({ to: place.to });
      } else if (event.key === "g") {
        chordUntil.current = event.timeStamp + CHORD_MS;
      } else if (event.key === "n" && mayStart) {
        event.preventDefault();
        openStartRun({});
      } else if (event.key === "?") {
        setShown(true);
      }
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  });
  return (
    <Modal opened={isShown} onClose={() => setShown(false)} title="Keyboard">
      <table className="data">
        <tbody>
          <Row keys={["Ctrl", "K"]} means="Find a page, project, run or workflow" />
          {mayStart && <Row keys={["n"]} means="Start a run" />}
          <Row keys={["?"]} means="This list" />
          {places.map((place) => (
            <Row key={place.to} keys={["g", place.key]} means={place.label} />
          ))}
          <Row keys={["a", "Enter"]} means="On an approval: approve" />
          <Row keys={["r", "Enter"]} means="On an approval: reject" />
          <Row keys={["/"]} means="In a log: search" />
          <Row keys={["Esc"]} means="Close what is open" />
        </tbody>
      </table>
    </Modal>
  );
}

function Row({ keys, means }: { keys: string[]; means: string }) {
  return (
    <tr>
      <td>
        <span className="line">
          {keys.map((key) => (
            <kbd key={key}>{key}</kbd>
          ))}
        </span>
      </td>
      <td>{means}</td>
    </tr>
  );
}
