import { Modal } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { openStartRun } from "@/features/runs/start-run";
import { PLACES } from "./places";

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
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    let chordUntil = 0;
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('[role="dialog"]') !== null) return;
      const isChord = event.timeStamp < chordUntil;
      chordUntil = 0;
      if (isChord) {
        const place = PLACES.find(({ key }) => key === event.key);
        if (place !== undefined) void navigate({ to: place.to });
      } else if (event.key === "g") {
        chordUntil = event.timeStamp + CHORD_MS;
      } else if (event.key === "n") {
        event.preventDefault();
        openStartRun({});
      } else if (event.key === "?") {
        setShown(true);
      }
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [navigate]);
  return (
    <Modal opened={isShown} onClose={() => setShown(false)} title="Keyboard">
      <table className="data">
        <tbody>
          <Row keys={["Ctrl", "K"]} means="Find a page, project, run or workflow" />
          <Row keys={["n"]} means="Start a run" />
          <Row keys={["?"]} means="This list" />
          {PLACES.map((place) => (
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
