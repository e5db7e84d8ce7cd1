import { Button, Modal, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { fieldErrors, http, take } from "@/api/client";
import type { ServiceView, StackChange, StackView } from "@/api/generated/schema";
import { Problem } from "@/components/problem";
import { changeOf, type Field, fieldsOf, hubWords, unreadable } from "./wishes";

/** Change limits and ports of all services; what the hub says against one stands at its field. */
export default function LimitsDialog({
  stack,
  onClose,
  onSaved,
}: {
  stack: StackView;
  onClose: () => void;
  onSaved: (stack: StackView) => void;
}) {
  const [texts, setTexts] = useState<Record<string, string>>({});
  const save = useMutation({
    mutationFn: (body: StackChange) =>
      take(
        http.PATCH("/api/v1/projects/{project}/stack", {
          params: { path: { project: stack.project_id } },
          body,
        }),
      ),
    onSuccess: onSaved,
  });
  const fields = stack.services.flatMap(fieldsOf);
  const change = changeOf(fields, texts);
  const wrong = unreadable(fields, texts);
  const byField = fieldErrors(save.error);
  const isAtField = fields.some(({ path }) => byField.has(path));
  return (
    <Modal opened onClose={onClose} title={`Limits and ports of ${stack.project}`} size="xl">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (change !== null) save.mutate(change);
        }}
      >
        <p className="muted">
          They hold from the next start on. An empty field leaves it to the definition, or to what
          is usual.
        </p>
        {stack.services.map((service) => (
          <ServiceFields
            key={service.name}
            service={service}
            texts={texts}
            problemOf={(field) => wrong.get(field.path) ?? hubWords(field, byField.get(field.path))}
            onChange={(path, text) => setTexts({ ...texts, [path]: text })}
          />
        ))}
        {save.error !== null && !isAtField && <Problem error={save.error} />}
        <div>
          <Button
            type="submit"
            loading={save.isPending}
            disabled={change === null || wrong.size > 0}
          >
            Save
          </Button>
        </div>
      </form>
    </Modal>
  );
}

function ServiceFields({
  service,
  texts,
  problemOf,
  onChange,
}: {
  service: ServiceView;
  texts: Record<string, string>;
  problemOf: (field: Field) => string | undefined;
  onChange: (path: string, text: string) => void;
}) {
  return (
    <fieldset className="wishes">
      <legend>{service.name}</legend>
      {fieldsOf(service).map((field: Field) => (
        <TextInput
          key={field.path}
          size="xs"
          label={field.label}
          aria-label={`${field.label}, ${service.name}`}
          classNames={{ input: "mono" }}
          placeholder={field.kind === "port" ? "any" : "as usual"}
          value={texts[field.path] ?? field.before}
          error={problemOf(field)}
          onChange={(event) => onChange(field.path, event.currentTarget.value)}
        />
      ))}
    </fieldset>
  );
}
