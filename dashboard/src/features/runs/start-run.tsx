import { Button, FileButton, Modal, NativeSelect, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState, useSyncExternalStore } from "react";
import { http, take } from "@/api/client";
import type { InputView } from "@/api/generated/schema";
import { projects, workflow as workflowQuery, workflows } from "@/api/queries";
import { Problem } from "@/components/problem";
import { useOnce } from "@/lib/once";

type Asked = { workflow?: string; project?: string };

let asked: Asked | null = null;
const listeners = new Set<() => void>();

function set(value: Asked | null): void {
  asked = value;
  for (const listener of listeners) listener();
}

/** Open the form that starts a run, filled in as far as it is known what is wanted. */
export const openStartRun = (wanted: Asked): void => set(wanted);

export function StartRunDialog() {
  const wanted = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => asked,
  );
  return (
    <Modal opened={wanted !== null} onClose={() => set(null)} title="Start a run" size="lg">
      {wanted !== null && <StartRunForm wanted={wanted} />}
    </Modal>
  );
}

function StartRunForm({ wanted }: { wanted: Asked }) {
  const navigate = useNavigate();
  const known = useQuery(workflows).data?.items ?? [];
  const places = useQuery(projects).data?.items ?? [];
  const [name, setName] = useState(wanted.workflow);
  const [project, setProject] = useState(wanted.project);
  const [inputs, setInputs] = useState<Record<string, string>>({});
  // One key for the form: pressing twice, or a lost answer, starts one run.
  const [key] = useState(() => crypto.randomUUID());
  const chosen = name ?? known[0]?.name ?? "";
  const plan = useQuery({ ...workflowQuery(chosen), enabled: chosen !== "" }).data?.plan;
  const takesProject = plan?.inputs.some((input) => input.format === "project") ?? false;
  const place = project ?? (takesProject ? (places[0]?.name ?? "") : "");

  const start = useMutation({
    mutationFn: () =>
      take(
        http.POST("/api/v1/runs", {
          params: { header: { "idempotency-key": key } },
          body: {
            workflow: chosen,
            ...(place === "" ? {} : { project: place }),
            inputs: Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== "")),
          },
        }),
      ),
    onSuccess: (run) => {
      set(null);
      void navigate({ to: "/runs/$run", params: { run: run.id } });
    },
  });

  const startOnce = useOnce(() => start.mutateAsync());

  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        startOnce();
      }}
    >
      <NativeSelect
        label="Workflow"
        data-autofocus
        description={plan?.description ?? undefined}
        value={chosen}
        onChange={(event) => {
          setName(event.currentTarget.value);
          setInputs({});
        }}
        data={known.map((item) => item.name)}
      />
      <NativeSelect
        label="Project"
        value={place}
        required={takesProject}
        onChange={(event) => setProject(event.currentTarget.value)}
        data={[
          ...(takesProject ? [] : [{ value: "", label: "None" }]),
          ...places.map((item) => ({ value: item.name, label: item.name })),
        ]}
      />
      {plan?.inputs
        .filter((input) => input.format !== "project")
        .map((input) => (
          <InputField
            key={`${chosen}.${input.name}`}
            input={input}
            value={inputs[input.name] ?? ""}
            onChange={(value) => setInputs({ ...inputs, [input.name]: value })}
          />
        ))}
      {start.error !== null && <Problem error={start.error} />}
      <div className="line">
        <Button type="submit" loading={start.isPending} disabled={chosen === ""}>
          Start
        </Button>
      </div>
    </form>
  );
}

/** A value as it is typed into a field: a text as it is, anything else as JSON. */
export const plainText = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value);

/** One input. The hub reads text as the declared type: `5`, `true`, `{"a": 1}`. */
export function InputField({
  input,
  value,
  onChange,
}: {
  input: InputView;
  value: string;
  onChange: (value: string) => void;
}) {
  const shared = {
    label: input.name,
    description: input.description ?? undefined,
    required: input.required,
    value,
  };
  const example = input.default === null ? undefined : plainText(input.default);
  if (input.enum.length > 0) {
    return (
      <NativeSelect
        {...shared}
        data={["", ...input.enum.map(String)]}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    );
  }
  if (input.type === "string" || input.type === "object" || input.type === "array") {
    return (
      <div>
        <Textarea
          {...shared}
          classNames={{ input: "mono" }}
          rows={value.includes("\n") ? 8 : 1}
          placeholder={example}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
        <FileButton onChange={(file) => void file?.text().then(onChange)}>
          {(props) => (
            <button type="button" className="link small" {...props}>
              Take it from a file
            </button>
          )}
        </FileButton>
      </div>
    );
  }
  return (
    <TextInput
      {...shared}
      placeholder={example ?? input.type}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
