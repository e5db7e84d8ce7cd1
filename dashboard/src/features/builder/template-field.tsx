import { Textarea } from "@mantine/core";
import { type ReactNode, useRef } from "react";
import { type Complete, useCompletion } from "./use-completion";

/** A text in which names are completed. */
export function TemplateField({
  label,
  description,
  required,
  error,
  placeholder,
  value,
  onChange,
  onBlur,
  complete,
}: {
  label: string;
  description?: ReactNode;
  required?: boolean;
  error?: ReactNode;
  placeholder?: string;
  value: string;
  onChange: (value: string) => void;
  onBlur?: () => void;
  complete: Complete;
}) {
  const field = useRef<HTMLTextAreaElement>(null);
  const { attributes, look, onKeyDown, list } = useCompletion({
    field,
    value,
    onChange,
    complete,
  });
  const lines = value.split("\n").length;
  return (
    <div className="completing">
      <Textarea
        ref={field}
        label={label}
        description={description}
        required={required}
        error={error}
        placeholder={placeholder}
        classNames={{ input: "mono" }}
        size="xs"
        rows={Math.min(10, lines)}
        value={value}
        onChange={(event) => {
          onChange(event.currentTarget.value);
          look();
        }}
        onKeyDown={onKeyDown}
        {...attributes}
        onBlur={() => {
          (attributes.onBlur as () => void)();
          onBlur?.();
        }}
      />
      {list}
    </div>
  );
}
