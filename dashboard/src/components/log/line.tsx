import Anser from "anser";
import { memo } from "react";
import { visible } from "@/lib/visible";
import type { LogLine } from "./feed";

const ESCAPE = "\u001b";

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
      <span className="log-text">
        {line.text.includes(ESCAPE) ? coloured(line.text) : visible(line.text)}
      </span>
    </div>
  );
});

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
