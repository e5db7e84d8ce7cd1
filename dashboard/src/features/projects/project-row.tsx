import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ProjectView, ServiceView } from "@/api/generated/schema";
import { stack as stackQuery } from "@/api/queries";
import { Glyph } from "@/components/icons";
import { State } from "@/components/state";
import { stackStatus, toneOf } from "@/lib/status";

/** A project in a list, with the health of its stack. */
export function ProjectRow({ project }: { project: ProjectView }) {
  const { data: stack } = useQuery(stackQuery(project.id));
  const status = stack === undefined ? undefined : stackStatus(stack);
  return (
    <li className="row edge" data-tone={status?.tone}>
      <div className="grow">
        <Link to="/projects/$project" params={{ project: project.name }} className="cover">
          {project.name}
        </Link>
        {stack !== undefined && status?.tone === "bad" && stack.reason !== "" ? (
          <div className="small wrap stack-reason">{stack.reason}</div>
        ) : (
          <div className="small muted clip mono">{project.path}</div>
        )}
      </div>
      {stack !== undefined && status !== undefined && (
        <>
          <Services services={stack.services} />
          <State state={stack.state} tone={status.tone} word={status.word} />
        </>
      )}
    </li>
  );
}

function Services({ services }: { services: ServiceView[] }) {
  return (
    <ul className="services-line" aria-label="Services">
      {services.map((service) => (
        <li key={service.name} className="state" data-tone={toneOf(service.state)}>
          <Glyph tone={toneOf(service.state)} />
          <span className="service-name">{service.name}</span>
          <span className="sr-only">{service.state}</span>
        </li>
      ))}
    </ul>
  );
}
