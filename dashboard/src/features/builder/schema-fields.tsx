import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { parse, stringify } from "yaml";
import { resolved, typeName } from "./model/references";
import { record } from "./model/workflow";
import { TemplateField } from "./template-field";
import type { Complete } from "./use-completion";

type Schema = Record<string, unknown>;
type Change = (key: string, value: unknown) => void;

const isText = (value: unknown): value is string => typeof value === "string";
const isTemplate = (value: unknown) => isText(value) && value.includes("{{");

/** What an agent takes, as fields by its JSON Schema; what the schema does not know stays too. */
export function SchemaFields({
  schema,
  values,
  onChange,
  complete,
  issueOf,
}: {
  schema: Schema;
  values: Record<string, unknown>;
  onChange: Change;
  complete: Complete;
  issueOf: (key: string) => string | undefined;
}) {
  const properties = record(schema.properties);
  const required = Array.isArray(schema.required) ? schema.required : [];
  const names = [...new Set([...Object.keys(properties), ...Object.keys(values)])];
  return (
    <>
      {names.map((name) => (
        <SchemaField
          key={name}
          name={name}
          schema={resolved(record(properties[name]), schema)}
          required={required.includes(name)}
          value={values[name]}
          onChange={(value) => onChange(name, value)}
          complete={complete}
          error={issueOf(name)}
        />
      ))}
      {schema.additionalProperties !== false && (
        <AddInput taken={names} onAdd={(name) => onChange(name, "")} />
      )}
    </>
  );
}

/** For agents that take more than their schema names. */
function AddInput({ taken, onAdd }: { taken: string[]; onAdd: (name: string) => void }) {
  const [name, setName] = useState("");
  const add = () => {
    if (name.trim() === "" || taken.includes(name.trim())) return;
    onAdd(name.trim());
    setName("");
  };
  return (
    <div className="line">
      <TextInput
        size="xs"
        aria-label="Name of another input"
        placeholder="another input"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && add()}
      />
      <Button size="xs" variant="default" disabled={name.trim() === ""} onClick={add}>
        Add
      </Button>
    </div>
  );
}

function SchemaField({
  name,
  schema,
  required,
  value,
  onChange,
  complete,
  error,
}: {
  name: string;
  schema: Schema;
  required: boolean;
  value: unknown;
  onChange: (value: unknown) => void;
  complete: Complete;
  error: string | undefined;
}) {
  const isProject = schema.format === "project";
  const shared = {
    label: name,
    description: isText(schema.description) ? schema.description : undefined,
    required: required && !isProject,
    error,
  };
  const usual = isProject
    ? "the run's project"
    : schema.default === undefined
      ? typeName(schema)
      : `${JSON.stringify(schema.default)} unless given`;
  const choices = choicesOf(schema);
  const [isWritten, setWritten] = useState(false);
  if (choices !== null && !isWritten && !isTemplate(value)) {
    return (
      <NativeSelect
        {...shared}
        size="xs"
        value={value === undefined ? "" : JSON.stringify(value)}
        onChange={(event) => {
          const chosen = event.currentTarget.value;
          if (chosen === WRITE) setWritten(true);
          else onChange(chosen === "" ? undefined : JSON.parse(chosen));
        }}
        data={[
          { value: "", label: usual },
          ...choices.map((choice) => ({ value: JSON.stringify(choice), label: String(choice) })),
          ...(value === undefined || choices.includes(value)
            ? []
            : [{ value: JSON.stringify(value), label: String(value) }]),
          { value: WRITE, label: "a template…" },
        ]}
      />
    );
  }
  if (typeof value === "object" && value !== null) {
    return <StructureField {...shared} value={value} onChange={onChange} complete={complete} />;
  }
  const types = [schema.type].flat();
  if (value === undefined && (types.includes("object") || types.includes("array"))) {
    return <StructureField {...shared} value={value} onChange={onChange} complete={complete} />;
  }
  return (
    <TemplateField
      {...shared}
      placeholder={usual}
      value={value === undefined ? "" : String(value)}
      onChange={(text) => onChange(text === "" ? undefined : typed(text, types))}
      complete={complete}
    />
  );
}

const WRITE = "write";

function choicesOf(schema: Schema): unknown[] | null {
  if (Array.isArray(schema.enum)) return schema.enum;
  return schema.type === "boolean" ? [true, false] : null;
}

/** Read a number where one is wanted and this is one; all else is text, as it may be a template. */
function typed(text: string, types: unknown[]): unknown {
  const takesNumber = types.includes("integer") || types.includes("number");
  return takesNumber && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** A list or mapping, as YAML; it is taken over when the field is left. */
function StructureField({
  value,
  onChange,
  complete,
  ...shared
}: {
  label: string;
  description?: string;
  required: boolean;
  error: string | undefined;
  value: unknown;
  onChange: (value: unknown) => void;
  complete: Complete;
}) {
  const written = value === undefined ? "" : stringify(value, { lineWidth: 0 }).trimEnd();
  const [draft, setDraft] = useState(written);
  const [problem, setProblem] = useState<string | undefined>();
  useEffect(() => setDraft(written), [written]);
  return (
    <TemplateField
      {...shared}
      error={problem ?? shared.error}
      placeholder="as YAML, or a template alone"
      value={draft}
      onChange={(text) => {
        setDraft(text);
        setProblem(undefined);
      }}
      onBlur={() => {
        if (draft === written) return;
        try {
          const read: unknown = draft.trim().startsWith("{{") ? draft.trim() : parse(draft);
          onChange(read === null ? undefined : read);
        } catch (error) {
          setProblem(error instanceof Error ? error.message.split("\n")[0] : "This is not YAML.");
        }
      }}
      complete={complete}
    />
  );
}
