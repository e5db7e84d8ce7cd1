/** A line of a log as the hub sends it. Numbers begin at 1; a gap says that lines were dropped. */
export type LogLine = { number: number; at: string; stream: string; text: string };

/** Where a log is read: the path of its API and which attempt. */
export type LogSource = { path: string; query: Record<string, string> };

export type LogPhase = "loading" | "following" | "reconnecting" | "ended" | "failed";

export type LogState = {
  phase: LogPhase;
  /** In order; the same array while lines are added, so that a million are not copied. */
  lines: LogLine[];
  /** Grows with every change of `lines`. */
  version: number;
  /** Lines before the first one here are on the hub. */
  hasEarlier: boolean;
  problem: string | null;
};

const PAGE = 5_000;
const MOST_LINES = 200_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 5_000;

/** Reads a log from near its end, goes back on wish, and follows it until it is closed. */
export class LogFeed {
  private state: LogState = {
    phase: "loading",
    lines: [],
    version: 0,
    hasEarlier: false,
    problem: null,
  };
  private readonly listeners = new Set<() => void>();
  private readonly stopped = new AbortController();
  private socket: WebSocket | null = null;
  private retryMs = FIRST_RETRY_MS;
  private frame = 0;

  constructor(private readonly source: LogSource) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): LogState => this.state;

  /** Begin at the end, or shortly before the line that is asked for. */
  async start(line?: number): Promise<void> {
    const from: Record<string, string> =
      line === undefined ? {} : { after: String(Math.max(0, line - PAGE / 2)) };
    const first = await this.fetchLines({ tail: String(PAGE), ...from });
    if (first === null) return;
    this.add(first.lines);
    this.set({ hasEarlier: (first.lines[0]?.number ?? 1) > 1 });
    this.follow();
  }

  stop(): void {
    this.stopped.abort();
    cancelAnimationFrame(this.frame);
    this.socket?.close();
  }

  /** Put the page before the first line in front. */
  async earlier(): Promise<void> {
    const first = this.state.lines[0]?.number ?? 1;
    const after = Math.max(0, first - 1 - PAGE);
    const page = await this.fetchLines({ tail: String(first - 1 - after), after: String(after) });
    if (page === null) return;
    const lines = [...page.lines.filter(({ number }) => number < first), ...this.state.lines];
    this.set({
      lines,
      version: this.state.version + 1,
      hasEarlier: page.lines.length > 0 && (page.lines[0]?.number ?? 1) > 1,
    });
  }

  /** Return lines of the whole log that hold the text, the latest ones where there are many. */
  async find(text: string): Promise<LogLine[]> {
    const found = await this.fetchLines({ tail: "2000", grep: text });
    return found?.lines ?? [];
  }

  private async fetchLines(query: Record<string, string>): Promise<{ lines: LogLine[] } | null> {
    const search = new URLSearchParams({ ...this.source.query, ...query });
    try {
      const answer = await fetch(`${this.source.path}?${search}`, {
        headers: { Accept: "application/x-ndjson" },
        signal: this.stopped.signal,
      });
      if (!answer.ok) {
        const problem = (await answer.json()) as { detail?: string };
        this.set({ phase: "failed", problem: problem.detail ?? `Status ${answer.status}.` });
        return null;
      }
      const text = await answer.text();
      return {
        lines: text
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line) as LogLine),
      };
    } catch {
      if (this.stopped.signal.aborted) return null;
      this.retry(() => void this.start());
      return null;
    }
  }

  private follow(): void {
    const last = this.state.lines.at(-1)?.number ?? 0;
    const address = new URL(`${this.source.path}/follow`, window.location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.search = new URLSearchParams({ ...this.source.query, after: String(last) }).toString();
    const socket = new WebSocket(address);
    this.socket = socket;
    let hasEnded = false;
    socket.onopen = () => {
      this.retryMs = FIRST_RETRY_MS;
      this.set({ phase: "following" });
    };
    socket.onmessage = (message) => {
      const data = JSON.parse(message.data as string) as { type: string; lines?: LogLine[] };
      if (data.type === "lines") this.add(data.lines ?? []);
      hasEnded = data.type === "end";
    };
    socket.onclose = () => {
      if (this.stopped.signal.aborted) return;
      if (hasEnded) this.set({ phase: "ended" });
      else this.retry(() => this.follow());
    };
  }

  private retry(again: () => void): void {
    this.set({ phase: "reconnecting" });
    const timer = window.setTimeout(again, this.retryMs);
    this.stopped.signal.addEventListener("abort", () => window.clearTimeout(timer));
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
  }

  private add(lines: LogLine[]): void {
    const own = this.state.lines;
    const last = own.at(-1)?.number ?? 0;
    for (const line of lines) if (line.number > last) own.push(line);
    const excess = own.length - MOST_LINES;
    if (excess > 0) own.splice(0, excess + MOST_LINES / 10);
    this.set({
      version: this.state.version + 1,
      ...(excess > 0 ? { hasEarlier: true } : {}),
    });
  }

  /** Many changes in one frame are one change to who looks. */
  private set(changed: Partial<LogState>): void {
    this.state = { ...this.state, ...changed };
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      for (const listener of this.listeners) listener();
    });
  }
}
