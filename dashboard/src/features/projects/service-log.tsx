import { useEffect, useRef } from "react";
import type { StackView } from "@/api/generated/schema";
import { LogView } from "@/components/log/log-view";

/** What a service says, of its last start. */
export default function ServiceLog({ stack, name }: { stack: StackView; name: string }) {
  const top = useRef<HTMLDivElement>(null);
  // It opens below all services, where nobody may be looking.
  // biome-ignore lint/correctness/useExhaustiveDependencies: each time another one is opened
  useEffect(() => {
    top.current?.scrollIntoView({ block: "start" });
  }, [name]);
  const service = stack.services.find((each) => each.name === name);
  if (service === undefined) return null;
  if (service.attempt === 0) return <p className="empty">{name} was never started.</p>;
  const path = `/api/v1/projects/${stack.project_id}/services/${encodeURIComponent(name)}/logs`;
  return (
    <div className="body" ref={top}>
      <h3 className="log-title">
        {name}, start {service.attempt}
      </h3>
      <LogView
        source={{ path, query: { attempt: String(service.attempt) } }}
        download={`${path}/download?attempt=${service.attempt}`}
      />
    </div>
  );
}
