import { Checkbox, TextInput } from "@mantine/core";
import type { Path } from "./model/edits";
import { record } from "./model/workflow";
import { Section, SmallField } from "./step-parts";

/** Whether people are asked before the step starts, and whom. */
export function ApprovalFields({
  approval,
  isDue,
  set,
  issueOf,
}: {
  approval: unknown;
  isDue: boolean;
  set: (path: Path, value: unknown) => void;
  issueOf: (...path: string[]) => string | undefined;
}) {
  const gate = record(approval);
  const isSet = approval !== undefined;
  const groups = Array.isArray(gate.groups) ? gate.groups.join(", ") : "";
  return (
    <Section title="Approval">
      <Checkbox
        size="xs"
        label={
          isDue ? "Say who may agree (this agent always asks first)" : "Ask people before it starts"
        }
        checked={isSet}
        onChange={(event) => set(["approval"], event.currentTarget.checked ? {} : undefined)}
      />
      {isSet && (
        <div className="step-form-row">
          <TextInput
            size="xs"
            label="Groups"
            placeholder="anyone who may approve"
            error={issueOf("approval", "groups")}
            defaultValue={groups}
            key={groups}
            onBlur={(event) => {
              const names = event.currentTarget.value.split(/[\s,]+/).filter(Boolean);
              if (names.join(", ") !== groups) {
                set(["approval", "groups"], names.length > 0 ? names : undefined);
              }
            }}
          />
          <SmallField
            label="How many"
            placeholder="1"
            value={gate.quorum}
            error={issueOf("approval", "quorum")}
            onChange={(value) => set(["approval", "quorum"], value)}
          />
          <SmallField
            label="Time to answer"
            placeholder="24h"
            value={gate.timeout}
            error={issueOf("approval", "timeout")}
            onChange={(value) => set(["approval", "timeout"], value)}
          />
          <Checkbox
            size="xs"
            label="Who started it may agree"
            checked={gate.allow_self !== false}
            onChange={(event) =>
              set(["approval", "allow_self"], event.currentTarget.checked ? undefined : false)
            }
          />
        </div>
      )}
    </Section>
  );
}
