import Anser from "anser";
import { memo } from "react";
import { visible } from "@/lib/visible";
import type { LogLine } from "./feed";

const ESCAPE = "\u001b";
const PROGRESS = "::progress ";

/** One line: its number as a link, its time on wish, its text with the colours it asks for. */
export const Line = memo(function Line({
  line,
  withTime,
  isMarked,
  href,
}: {
  line: LogLine;
  withTime: boolean;
  isMarked: boolean;
  href: string;
}) {
  return (
    <div className="log-line" data-stream={line.stream} data-marked={isMarked || undefined}>
      <a href={href} className="log-number" tabIndex={-1} aria-label={`Line ${line.number}`}>
        {line.number}
      </a>
      {withTime && <span className="log-time">{line.at.slice(11, 23)}</span>}
      {line.stream === "stderr" && <span className="sr-only">error output: </span>}
      <span className="log-text">{shown(line.text)}</span>
    </div>
  );
});

function shown(text: string) {
  if (text.startsWith(PROGRESS)) return progress(text.slice(PROGRESS.length)) ?? visible(text);
  return text.includes(ESCAPE) ? coloured(text) : visible(text);
}

/** A line of progress in words; null where it is not of the documented form. */
function progress(text: string) {
  try {
    const { fraction, message } = JSON.parse(text) as { fraction: number; message?: string };
    return (
      <span className="log-progress">
        {Math.round(fraction * 100)} % {visible(message ?? "")}
      </span>
    );
  } catch {
    return null;
  }
}

function coloured(text: string) {
  return Anser.ansiToJson(text, { use_classes: true, remove_empty: true }).map((part, index) => (
    <span
      // biome-ignore lint/suspicious/noArrayIndexKey: parts have no other identity
      key={index}
      className={[part.fg, part.bg === null ? "" : `${part.bg}-bg`, part.decoration ?? ""].join(
        " ",
      )}
    >
      {visible(part.content)}
    </span>
  ));
}
