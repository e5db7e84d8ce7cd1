/** The text as it is, as it was before each change, and as it was before each undoing. */
export type History = {
  text: string;
  past: readonly string[];
  future: readonly string[];
  /** What the last change was about, and when: the next one of the same kind joins it. */
  topic: string | null;
  at: number;
};

export type Change =
  | { type: "set"; text: string; topic?: string | undefined; at: number }
  | { type: "undo" | "redo" };

const MOST = 300;
const JOIN_MS = 1200;

export const begin = (text: string): History => ({
  text,
  past: [],
  future: [],
  topic: null,
  at: 0,
});

export function changed(history: History, change: Change): History {
  const { text, past, future } = history;
  switch (change.type) {
    case "undo": {
      const before = past.at(-1);
      if (before === undefined) return history;
      return { ...begin(before), past: past.slice(0, -1), future: [text, ...future] };
    }
    case "redo": {
      const [after, ...rest] = future;
      if (after === undefined) return history;
      return { ...begin(after), past: [...past, text], future: rest };
    }
    case "set": {
      if (change.text === text) return history;
      const topic = change.topic ?? null;
      const joins = topic !== null && topic === history.topic && change.at - history.at < JOIN_MS;
      return {
        text: change.text,
        past: joins ? past : [...past, text].slice(-MOST),
        future: [],
        topic,
        at: change.at,
      };
    }
  }
}
