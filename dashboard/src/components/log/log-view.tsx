import "./log.css";
import { Button, Checkbox, TextInput } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { count } from "@/lib/format";
import { LogFeed, type LogLine, type LogPhase, type LogSource } from "./feed";
import { Line } from "./line";

const ROW = 20;
const SEARCH_MS = 250;
const NEAR_END = 40;
const PHASES: Record<LogPhase, string> = {
  loading: "loading",
  following: "live",
  reconnecting: "reconnecting",
  ended: "complete",
  failed: "not there",
};

/** A log: search, wrap, times, download, and following that stops when one scrolls up. */
export function LogView({
  source,
  download,
  height = "26rem",
}: {
  source: LogSource;
  download?: string;
  height?: string;
}) {
  const key = JSON.stringify(source);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is the source by value
  const feed = useMemo(() => new LogFeed(source), [key]);
  const state = useSyncExternalStore(feed.subscribe, feed.snapshot);
  const [marked, setMarked] = useState(lineInAddress);
  const [search, setSearch] = useState("");
  const [found, setFound] = useState<LogLine[] | null>(null);
  const [withTime, setTime] = useState(false);
  const [wraps, setWraps] = useState(true);
  const [follows, setFollows] = useState(marked === undefined);
  const box = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => {
    void feed.start(lineInAddress());
    return () => feed.stop();
  }, [feed]);
  useEffect(() => {
    const change = () => setMarked(lineInAddress());
    window.addEventListener("hashchange", change);
    return () => window.removeEventListener("hashchange", change);
  }, []);
  useSearchKey(field);

  useEffect(() => {
    if (search === "") {
      setFound(null);
      return;
    }
    let isCurrent = true;
    const timer = window.setTimeout(async () => {
      const lines = await feed.find(search);
      if (isCurrent) setFound(lines);
    }, SEARCH_MS);
    return () => {
      isCurrent = false;
      window.clearTimeout(timer);
    };
  }, [feed, search]);

  const lines = found ?? state.lines;
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 20,
  });

  const shown = `${state.version}/${lines.length}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever lines came
  useEffect(() => {
    if (follows && found === null && lines.length > 0) {
      rows.scrollToIndex(lines.length - 1, { align: "end" });
    }
  }, [shown, follows, found]);
  const isLoaded = lines.length > 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once the lines are there
  useEffect(() => {
    const index = lines.findIndex((line) => line.number === marked);
    if (index >= 0) rows.scrollToIndex(index, { align: "center" });
  }, [marked, isLoaded]);

  const onScroll = () => {
    const element = box.current;
    if (element === null || found !== null) return;
    setFollows(element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END);
  };

  return (
    <section className="log" aria-label="Log">
      <div className="log-bar">
        <TextInput
          ref={field}
          size="xs"
          aria-label="Search the whole log"
          placeholder="Search the whole log"
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        {found !== null && <span className="small muted">{count(found.length, "line")}</span>}
        <Checkbox
          size="xs"
          label="times"
          checked={withTime}
          onChange={(event) => setTime(event.currentTarget.checked)}
        />
        <Checkbox
          size="xs"
          label="wrap"
          checked={wraps}
          onChange={(event) => setWraps(event.currentTarget.checked)}
        />
        <Checkbox
          size="xs"
          label="follow"
          checked={follows}
          onChange={(event) => setFollows(event.currentTarget.checked)}
        />
        <span className="log-state small muted">
          <output>{PHASES[state.phase]}</output>
          {download !== undefined && (
            <a href={download} download>
              download
            </a>
          )}
        </span>
      </div>
      {state.hasEarlier && found === null && (
        <Button size="compact-xs" variant="subtle" onClick={() => void feed.earlier()}>
          Earlier lines
        </Button>
      )}
      <div
        ref={box}
        className="log-lines"
        data-wraps={wraps}
        style={{ maxHeight: height }}
        onScroll={onScroll}
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label="Lines"
      >
        {lines.length === 0 ? (
          <p className="empty">{emptyWords(state.phase, state.problem, search)}</p>
        ) : (
          <div style={{ height: rows.getTotalSize(), position: "relative" }}>
            {rows.getVirtualItems().map((row) => {
              const line = lines[row.index];
              if (line === undefined) return null;
              return (
                <div
                  key={row.key}
                  ref={rows.measureElement}
                  data-index={row.index}
                  className="log-row"
                  style={{ transform: `translateY(${row.start}px)` }}
                >
                  <Line
                    line={line}
                    withTime={withTime}
                    isMarked={line.number === marked}
                    href={`#L${line.number}`}
                  />
                </div>
              );
            })}
          </div>
        )}
      </div>
    </section>
  );
}

function lineInAddress(): number | undefined {
  const found = /^#L(\d+)$/.exec(window.location.hash);
  return found === null ? undefined : Number(found[1]);
}

function emptyWords(phase: LogPhase, problem: string | null, search: string): string {
  if (problem !== null) return problem;
  if (search !== "") return "No line has this.";
  return phase === "ended" ? "Nothing was written." : phase === "following" ? "Nothing yet." : "";
}

function useSearchKey(field: React.RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const isTyping = /^(input|textarea|select)$/i.test((event.target as Element).tagName);
      if (event.key !== "/" || isTyping) return;
      event.preventDefault();
      field.current?.focus();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [field]);
}
