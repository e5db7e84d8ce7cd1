import { useNow } from "@/lib/clock";
import { duration, moment, relative } from "@/lib/format";

/** How long ago or until; the exact time on hovering. */
export function Ago({ at }: { at: string }) {
  const now = useNow();
  const date = new Date(at);
  return (
    <time dateTime={at} title={date.toLocaleString()} className="nowrap">
      {relative(date, now)}
    </time>
  );
}

export function Moment({ at }: { at: string }) {
  const now = useNow();
  const date = new Date(at);
  return (
    <time dateTime={at} title={date.toISOString()}>
      {moment(date, now)}
    </time>
  );
}

/** How long something took, or takes so far. */
export function Elapsed({ from, to }: { from: string | null; to: string | null }) {
  const now = useNow();
  if (from === null) return null;
  const end = to === null ? now : new Date(to);
  return (
    <span className="mono">{duration((end.getTime() - new Date(from).getTime()) / 1000)}</span>
  );
}
