import "./yaml-editor.css";
import { memo, useEffect, useLayoutEffect, useMemo, useRef } from "react";
import type { IssueView } from "@/api/generated/schema";
import { tokens } from "./model/highlight";
import { type Complete, useCompletion } from "./use-completion";

const LINE_REM = 1.25;

/** The text of the workflow, coloured, with line numbers and the hub's judgement at its line. */
export function YamlEditor({
  text,
  onWrite,
  issues,
  shown,
  place,
  complete,
  onHistory,
}: {
  text: string;
  onWrite: (text: string) => void;
  issues: readonly IssueView[];
  /** Lines to show and tint: those of the chosen step. */
  shown: { first: number; last: number } | null;
  /** Where the caret is wanted; a new object each time it is. */
  place: { line: number; column: number } | null;
  complete: Complete;
  onHistory: (kind: "undo" | "redo") => void;
}) {
  const field = useRef<HTMLTextAreaElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const { attributes, look, onKeyDown, list } = useCompletion({
    field,
    value: text,
    onChange: onWrite,
    complete,
    placeOf: (caret) => {
      const before = text.slice(0, caret).split("\n");
      return {
        top: `${before.length * LINE_REM}rem`,
        left: `${Math.min(40, before.at(-1)?.length ?? 0)}ch`,
      };
    },
  });
  useCaretAtChange(field, text);
  const lines = useMemo(() => text.split("\n"), [text]);
  const wrong = useMemo(() => byLine(issues, lines.length), [issues, lines.length]);

  const first = shown?.first;
  useEffect(() => {
    if (first === undefined || document.activeElement === field.current) return;
    const top = (first - 2) * LINE_REM * rem();
    const { scrollTop = 0, clientHeight = 0 } = frame.current ?? {};
    if (top < scrollTop || top > scrollTop + clientHeight - 4 * rem()) {
      frame.current?.scrollTo({ top: Math.max(0, top) });
    }
  }, [first]);

  useEffect(() => {
    const at = field.current;
    if (place === null || at === null) return;
    const before = at.value
      .split("\n")
      .slice(0, place.line - 1)
      .join("\n");
    const caret = before.length + (place.line > 1 ? 1 : 0) + Math.max(0, place.column - 1);
    at.focus({ preventScroll: true });
    at.setSelectionRange(caret, caret);
    frame.current?.scrollTo({ top: Math.max(0, (place.line - 5) * LINE_REM * rem()) });
  }, [place]);

  // The browser's own history knows nothing of changes that were made in the graph.
  useEffect(() => {
    const at = field.current;
    const before = (event: InputEvent) => {
      if (event.inputType !== "historyUndo" && event.inputType !== "historyRedo") return;
      event.preventDefault();
      onHistory(event.inputType === "historyUndo" ? "undo" : "redo");
    };
    at?.addEventListener("beforeinput", before);
    return () => at?.removeEventListener("beforeinput", before);
  }, [onHistory]);

  return (
    <div className="yaml" ref={frame}>
      <div className="yaml-sheet">
        <pre className="yaml-gutter" aria-hidden="true">
          {lines.map((_, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its number
            <div key={index} data-wrong={wrong.has(index + 1) || undefined}>
              {index + 1}
            </div>
          ))}
        </pre>
        <div className="yaml-body">
          <pre className="yaml-ink" aria-hidden="true">
            {lines.map((line, index) => (
              <Line
                // biome-ignore lint/suspicious/noArrayIndexKey: a line is its number
                key={index}
                text={line}
                wrong={wrong.get(index + 1)}
                isShown={shown !== null && index + 1 >= shown.first && index + 1 <= shown.last}
              />
            ))}
          </pre>
          <textarea
            ref={field}
            aria-label="YAML of the workflow"
            aria-describedby="builder-issues"
            aria-invalid={issues.length > 0}
            spellCheck={false}
            autoCapitalize="off"
            wrap="off"
            value={text}
            onChange={(event) => {
              onWrite(event.currentTarget.value);
              look();
            }}
            onKeyDown={(event) => {
              onKeyDown(event);
              if (event.key === "Enter" && !event.defaultPrevented) indentNext(event, onWrite);
            }}
            {...attributes}
          />
          {list}
        </div>
      </div>
    </div>
  );
}

const Line = memo(function Line({
  text,
  wrong,
  isShown,
}: {
  text: string;
  wrong: string | undefined;
  isShown: boolean;
}) {
  return (
    <div data-wrong={wrong !== undefined || undefined} data-shown={isShown || undefined}>
      {tokens(text).map(({ kind, text: part }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts of a line have no other identity
        <span key={index} data-kind={kind}>
          {part}
        </span>
      ))}
      {wrong !== undefined && <span className="yaml-words">{wrong}</span>}
      {"\n"}
    </div>
  );
});

function byLine(issues: readonly IssueView[], lines: number): Map<number, string> {
  const found = new Map<number, string>();
  for (const { line, message } of issues) {
    const at = Math.min(lines, Math.max(1, line));
    found.set(at, found.has(at) ? `${found.get(at)}; ${message}` : message);
  }
  return found;
}

const rem = () => Number.parseFloat(getComputedStyle(document.documentElement).fontSize);

/** After a change from elsewhere, such as an undo, the caret stands where the text changed. */
function useCaretAtChange(field: React.RefObject<HTMLTextAreaElement | null>, text: string): void {
  const last = useRef(text);
  useLayoutEffect(() => {
    const before = last.current;
    last.current = text;
    const at = field.current;
    // Written here: the browser has put the caret where it belongs.
    if (at === null || before === text || at.selectionStart !== text.length) return;
    if (document.activeElement !== at) return;
    let end = 0;
    const most = Math.min(before.length, text.length);
    while (end < most && before.at(-1 - end) === text.at(-1 - end)) end += 1;
    at.setSelectionRange(text.length - end, text.length - end);
  }, [field, text]);
}

/** A new line begins where the one before began, or deeper below a key. */
function indentNext(
  event: React.KeyboardEvent<HTMLTextAreaElement>,
  onWrite: (text: string) => void,
): void {
  const at = event.currentTarget;
  const { value, selectionStart: start, selectionEnd: end } = at;
  const line = value.slice(value.lastIndexOf("\n", start - 1) + 1, start);
  const indent = (/^ */.exec(line)?.[0] ?? "") + (/:\s*$/.test(line) ? "  " : "");
  if (indent === "" || event.nativeEvent.isComposing) return;
  event.preventDefault();
  at.setRangeText(`\n${indent}`, start, end, "end");
  onWrite(at.value);
}
