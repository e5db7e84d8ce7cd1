/** One event of the hub, as sent over the WebSocket. */
export type HubEvent = {
  id: number;
  at: string;
  type: string;
  run_id: string | null;
  project_id: string | null;
  subject: string;
  data: Record<string, unknown>;
};

/**
 * `since`: when the hub was last heard of, for telling how old what is shown is; `opened`: when the
 * line was last opened.
 */
export type Connection = {
  phase: "connecting" | "live" | "reconnecting";
  since: Date;
  opened: Date | null;
};

type Callbacks = {
  onEvent: (event: HubEvent) => void;
  /** The stream has begun. `resumed`: without a gap since the last event. */
  onOpen: (resumed: boolean) => void;
  onSignedOut: () => void;
};

const SIGNED_OUT = 4401;
const HEARTBEAT = "stream.heartbeat";
// The hub sends something every 15 seconds: after twice that the line is dead, whatever it says.
const SILENCE_MS = 32_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;

/**
 * The one connection to the hub's events. It resumes after the last id that was seen, after sleep,
 * a lost network or a restart of the hub.
 */
export class EventSocket {
  private socket: WebSocket | null = null;
  private lastId: number | null = null;
  private retryMs = FIRST_RETRY_MS;
  private retryTimer: number | undefined;
  private silenceTimer: number | undefined;
  private readonly listeners = new Set<() => void>();
  private connection: Connection = { phase: "connecting", since: new Date(), opened: null };

  constructor(private readonly callbacks: Callbacks) {}

  start(): void {
    window.addEventListener("online", this.tryNow);
    document.addEventListener("visibilitychange", this.tryNow);
    this.open();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly state = (): Connection => this.connection;

  private open(): void {
    window.clearTimeout(this.retryTimer);
    const resumed = this.lastId !== null;
    const address = new URL("/api/v1/ws", window.location.href);
    address.protocol = address.protocol.replace("http", "ws");
    if (this.lastId !== null) address.searchParams.set("after", String(this.lastId));
    const socket = new WebSocket(address);
    this.socket = socket;
    this.expectWord();
    socket.onopen = () => {
      this.retryMs = FIRST_RETRY_MS;
      this.tell("live");
      this.callbacks.onOpen(resumed);
    };
    socket.onmessage = (message) => this.take(JSON.parse(message.data as string));
    socket.onclose = (event) => {
      if (this.socket === socket) this.lost(event.code);
    };
  }

  private take(message: HubEvent | { type: string; last_id: number }): void {
    this.expectWord();
    this.connection.since = new Date();
    if (message.type === HEARTBEAT) {
      this.lastId = (message as { last_id: number }).last_id;
      return;
    }
    const event = message as HubEvent;
    this.lastId = event.id;
    this.callbacks.onEvent(event);
  }

  private lost(code: number): void {
    this.socket = null;
    window.clearTimeout(this.silenceTimer);
    if (code === SIGNED_OUT) {
      this.callbacks.onSignedOut();
      return;
    }
    this.tell("reconnecting");
    window.clearTimeout(this.retryTimer);
    this.retryTimer = window.setTimeout(() => this.open(), this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
  }

  /** Give the line up when nothing comes for too long: after sleep a socket looks open and is not. */
  private expectWord(): void {
    window.clearTimeout(this.silenceTimer);
    this.silenceTimer = window.setTimeout(() => {
      const silent = this.socket;
      this.lost(0);
      silent?.close();
    }, SILENCE_MS);
  }

  private readonly tryNow = (): void => {
    const isWaiting = this.socket === null && this.connection.phase === "reconnecting";
    if (isWaiting && document.visibilityState === "visible") this.open();
  };

  private tell(phase: Connection["phase"]): void {
    if (this.connection.phase === phase) return;
    const { since, opened } = this.connection;
    const now = new Date();
    this.connection =
      phase === "live" ? { phase, since: now, opened: now } : { phase, since, opened };
    for (const listener of this.listeners) listener();
  }
}
