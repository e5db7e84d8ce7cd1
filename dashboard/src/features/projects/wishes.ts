import type { ServiceView, StackChange } from "@/api/generated/schema";
import { parseSize, sizeText } from "@/lib/size";

/** One thing that people may wish of a service; `path` is where it stands in the request's body. */
export type Field = {
  path: string;
  service: string;
  kind: "cpus" | "memory_bytes" | "pids" | "port";
  inside: number; // the service's own port; 0 where it is about none
  label: string;
  before: string;
};

const text = (value: number | null): string => (value === null ? "" : String(value));

/** What can be wished of a service, with what was asked for last. */
export function fieldsOf(service: ServiceView): Field[] {
  const { name, cpus, memory_bytes: memory, pids } = service;
  const bytes = memory.pending ?? memory.asked;
  const limit = (kind: "cpus" | "memory_bytes" | "pids", label: string, before: string): Field => ({
    path: `limits.${name}.${kind}`,
    service: name,
    kind,
    inside: 0,
    label,
    before,
  });
  return [
    limit("cpus", "CPU, in cores", text(cpus.pending ?? cpus.asked)),
    limit("memory_bytes", "Memory (512m, 2g)", bytes === null ? "" : sizeText(bytes)),
    limit("pids", "Processes", text(pids.pending ?? pids.asked)),
    ...service.ports.map(
      (port): Field => ({
        path: `ports.${name}.${port.service_port}`,
        service: name,
        kind: "port",
        inside: port.service_port,
        label: `Port here for ${port.service_port}`,
        before: String(port.pending ?? port.host_port),
      }),
    ),
  ];
}

/** The request for what differs, null for nothing. */
export function changeOf(fields: Field[], texts: Record<string, string>): StackChange | null {
  const limits: Record<string, Record<string, unknown>> = {};
  const ports: Record<string, Record<string, unknown>> = {};
  for (const field of fields) {
    const given = texts[field.path]?.trim();
    if (given === undefined || given === field.before) continue;
    const value = given === "" ? null : readAs(field.kind, given);
    const [under, key] = field.kind === "port" ? [ports, field.inside] : [limits, field.kind];
    under[field.service] = { ...under[field.service], [key]: value };
  }
  if (Object.keys(limits).length + Object.keys(ports).length === 0) return null;
  return { limits, ports } as StackChange;
}

function readAs(kind: Field["kind"], given: string): number | string {
  if (kind === "memory_bytes") return parseSize(given) ?? given;
  const value = Number(given.replace(",", "."));
  return Number.isNaN(value) ? given : value;
}

const READABLE: Record<Field["kind"], string> = {
  cpus: "A number of cores, such as 0.5 or 2.",
  memory_bytes: "A size, such as 512m or 2g.",
  pids: "A whole number, such as 200.",
  port: "The number of a port, such as 8080.",
};

/** What was typed and cannot be read, by the field's path, with what is taken there. */
export function unreadable(fields: Field[], texts: Record<string, string>): Map<string, string> {
  const wrong = fields.filter(({ path, kind }) => {
    const given = texts[path]?.trim() ?? "";
    return given !== "" && typeof readAs(kind, given) === "string";
  });
  return new Map(wrong.map(({ path, kind }) => [path, READABLE[kind]]));
}

/** What the hub says against a field, with sizes as people write them. */
export function hubWords({ kind }: Field, said: string | undefined): string | undefined {
  const words = said?.replace(/^Input should be/, "It must be");
  return kind === "memory_bytes"
    ? words?.replace(/\d{5,}/g, (size) => sizeText(Number(size)))
    : words;
}
