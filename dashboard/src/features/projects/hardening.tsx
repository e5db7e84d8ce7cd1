import type { HardeningView } from "@/api/generated/schema";
import { count } from "@/lib/format";

/** What a service got beyond its definition, and what it could not be given, with the reason. */
export function Hardening({ service, found }: { service: string; found: HardeningView }) {
  const { added, excepted } = found;
  if (added.length === 0 && excepted.length === 0) return null;
  return (
    <details className="hardening small">
      <summary>
        Hardened<span className="sr-only">, {service}</span>: {count(added.length, "addition")}
        {excepted.length > 0 && (
          <span className="waiting-word">, {count(excepted.length, "exception")}</span>
        )}
      </summary>
      <ul>
        {added.map((line) => (
          <li key={line} data-kind="added">
            {line}
          </li>
        ))}
        {excepted.map(({ what, why }) => (
          <li key={what + why} data-kind="excepted">
            <span className="sr-only">Exception: </span>
            {what}
            <span className="muted">: {why}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}
