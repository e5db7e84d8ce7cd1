import type { HourView } from "@/api/generated/schema";
import { count } from "@/lib/format";

const WIDTH = 1000;
const HEIGHT = 120;
const PARTS = [
  { key: "succeeded", tone: "good" },
  { key: "failed", tone: "bad" },
  { key: "cancelled", tone: "idle" },
  { key: "unfinished", tone: "active" },
] as const;

const total = (hour: HourView) => PARTS.reduce((sum, { key }) => sum + hour[key], 0);

/** A bar for each hour, by what became of its runs; the same as a table for who does not see it. */
export function RunsByHour({ hours }: { hours: HourView[] }) {
  const top = Math.max(1, ...hours.map(total));
  const step = WIDTH / Math.max(1, hours.length);
  const busy = hours.filter((hour) => total(hour) > 0);
  return (
    <div className="body stack">
      <div className="line small muted">
        {PARTS.map(({ key, tone }) => (
          <span key={key} className="legend" data-tone={tone}>
            {key}
          </span>
        ))}
        <span className="legend-top">up to {count(top, "run")} in an hour</span>
      </div>
      <svg
        className="hours"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        height={HEIGHT}
        aria-hidden="true"
      >
        {hours.map((hour, index) => {
          let above = HEIGHT;
          return PARTS.filter(({ key }) => hour[key] > 0).map(({ key, tone }) => {
            const height = (hour[key] / top) * (HEIGHT - 4);
            above -= height;
            return (
              <rect
                key={`${hour.at}${key}`}
                data-tone={tone}
                x={index * step + step * 0.1}
                y={above}
                width={step * 0.8}
                height={height}
              >
                <title>{`${hourWords(hour.at)}: ${hour[key]} ${key}`}</title>
              </rect>
            );
          });
        })}
        <line className="axis" x1={0} x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
      </svg>
      <div className="line small muted hours-axis" aria-hidden="true">
        <span>{hourWords(hours[0]?.at)}</span>
        <span>{hourWords(hours[Math.floor(hours.length / 2)]?.at)}</span>
        <span>now</span>
      </div>
      <details className="small">
        <summary>As a table</summary>
        <section className="scroll-x hours-table" tabIndex={0} aria-label="Runs by hour">
          <table className="data figures-table">
            <thead>
              <tr>
                <th>Hour</th>
                {PARTS.map(({ key }) => (
                  <th key={key}>{key}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {busy.map((hour) => (
                <tr key={hour.at}>
                  <td className="nowrap">{hourWords(hour.at)}</td>
                  {PARTS.map(({ key }) => (
                    <td key={key}>{hour[key]}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {busy.length === 0 && <p className="muted">No run began in this time.</p>}
        </section>
      </details>
    </div>
  );
}

function hourWords(at: string | undefined): string {
  if (at === undefined) return "";
  return new Date(at).toLocaleString(undefined, {
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
  });
}
