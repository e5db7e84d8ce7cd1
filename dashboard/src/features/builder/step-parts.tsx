import { TextInput } from "@mantine/core";
import type { ReactNode } from "react";

/** Settings of a step that belong together. */
export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="step-form-section">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

/** A short setting: a number where it is one, else text. */
export function SmallField({
  label,
  value,
  placeholder,
  error,
  onChange,
}: {
  label: string;
  value: unknown;
  placeholder: string;
  error: string | undefined;
  onChange: (value: unknown) => void;
}) {
  return (
    <TextInput
      size="xs"
      label={label}
      placeholder={placeholder}
      error={error}
      value={value === undefined ? "" : String(value)}
      onChange={(event) => {
        const text = event.currentTarget.value;
        onChange(/^\d+(\.\d+)?$/.test(text) ? Number(text) : text);
      }}
    />
  );
}
