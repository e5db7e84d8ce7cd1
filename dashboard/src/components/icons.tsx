import type { Tone } from "@/lib/status";

/** Line icons of 16 px for places and actions, drawn for this product. */
const PATHS = {
  overview: "M2.5 8.5 8 3l5.5 5.5M4 7.5v6h8v-6",
  projects: "M2 4.5h4l1.5 1.5H14v7H2zM2 4.5V3h3.5L7 4.5",
  runs: "M3 3h4v3H3zM9 10h4v3H9zM5 6v5.5h4M3 3",
  approvals: "M8 1.5 13 3.5v4c0 3.2-2 5.6-5 7-3-1.4-5-3.8-5-7v-4zM5.7 8l1.7 1.7 3-3.2",
  agents: "M4 5.5h8v7H4zM8 5.5V3M6.5 8.5v1M9.5 8.5v1M2 8.5v2M14 8.5v2M7 3h2",
  workflows:
    "M3.5 5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM12.5 14a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM5 3.5h4.5a2 2 0 0 1 0 4h-3a2 2 0 0 0 0 4H11",
  findings: "M8 2 14 13H2zM8 6.5v3M8 11.4h.01",
  metrics: "M2.5 13.5h11M4.5 13.5V9M8 13.5V3.5M11.5 13.5V6.5",
  settings:
    "M2.5 4.5h6M11.5 4.5h2M2.5 11.5h2M7.5 11.5h6M10 6a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM6 13a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z",
  audit: "M4 2h6l2.5 2.5V14H4zM6.5 7h3.5M6.5 9.5H10M6.5 12H9",
  people: "M8 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 13.5c.4-2.6 2.3-4 5-4s4.6 1.4 5 4",
  more: "M3 8h.01M8 8h.01M13 8h.01",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.5 10.5l3 3",
  play: "M5 3l8 5-8 5z",
  stop: "M4 4h8v8H4z",
  again: "M13 8a5 5 0 1 1-1.5-3.5L13 6M13 2.5V6H9.5",
  undo: "M5.5 3 2.5 6l3 3M2.5 6h7a4 4 0 0 1 0 8H6",
  redo: "M10.5 3l3 3-3 3M13.5 6h-7a4 4 0 0 0 0 8H10",
  folder: "M2 4h4l1.5 1.5H14V13H2z",
  up: "M8 13V3M4 7l4-4 4 4",
  download: "M8 2.5v8M4.5 7 8 10.5 11.5 7M3 13.5h10",
  close: "M4 4l8 8M12 4l-8 8",
  branch:
    "M4.5 5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM4.5 14a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM11.5 6a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM4.5 5v6M11.5 6c0 3-4 2.5-6.5 5",
  wrap: "M2.5 4h11M2.5 8h9a2 2 0 0 1 0 4H9M10.5 10.5 9 12l1.5 1.5M2.5 12h3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === "more" ? 2.4 : 1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

const GLYPHS: Record<Tone, string> = {
  idle: "M3 6h6",
  active: "M6 1.5A4.5 4.5 0 1 1 1.5 6",
  waiting: "M6 1.2 10.8 6 6 10.8 1.2 6z",
  good: "M2 6.5 4.8 9.2 10 3.2",
  bad: "M2.5 2.5l7 7M9.5 2.5l-7 7",
};

/** The shape that goes with a status colour, for eyes that do not tell the colours apart. */
export function Glyph({ tone }: { tone: Tone }) {
  return (
    <svg
      aria-hidden="true"
      width={12}
      height={12}
      viewBox="0 0 12 12"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={GLYPHS[tone]} />
    </svg>
  );
}
