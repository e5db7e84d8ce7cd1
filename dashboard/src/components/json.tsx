import { visible } from "@/lib/visible";

/** Any value as indented JSON; a text of several lines as it is. */
export function Json({ value, label }: { value: unknown; label: string }) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const shown = text.split("\n").map(visible).join("\n");
  return (
    <pre className="json" tabIndex={0} role="group" aria-label={label}>
      {shown}
    </pre>
  );
}
