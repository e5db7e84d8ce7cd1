import { Button, Modal, NativeSelect, Textarea } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { http, take } from "@/api/client";
import type { RunView } from "@/api/generated/schema";
import { workflow as workflowQuery } from "@/api/queries";
import { Problem } from "@/components/problem";
import { useOnce } from "@/lib/once";
import { InputField, plainText } from "./start-run";

/** Run again in place of an ended run: from a step on, with other inputs, of the run or a step. */
export default function RerunDialog({
  run,
  from,
  onClose,
}: {
  run: RunView;
  from: string;
  onClose: () => void;
}) {
  return (
    <Modal opened onClose={onClose} title="Run again" size="lg">
      <RerunForm run={run} from={from} onClose={onClose} />
    </Modal>
  );
}

function RerunForm({ run, from, onClose }: { run: RunView; from: string; onClose: () => void }) {
  const navigate = useNavigate();
  const [startAt, setStartAt] = useState(from);
  const [changed, setChanged] = useState<Record<string, string>>({});
  const [stepInputs, setStepInputs] = useState("");
  const version = `${run.workflow_name}@${run.workflow_version}`;
  const inputs = useQuery(workflowQuery(version)).data?.plan.inputs ?? [];
  const isJson = stepInputs === "" || isObject(stepInputs);

  const rerun = useMutation({
    mutationFn: () =>
      take(
        http.POST("/api/v1/runs/{run_id}/rerun", {
          params: { path: { run_id: run.id } },
          body: {
            start_at: startAt === "" ? null : startAt,
            inputs: changed,
            step_inputs: stepInputs === "" ? {} : { [startAt]: JSON.parse(stepInputs) },
          },
        }),
      ),
    onSuccess: (made) => {
      onClose();
      void navigate({ to: "/runs/$run", params: { run: made.id } });
    },
  });

  const rerunOnce = useOnce(() => rerun.mutateAsync());

  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        rerunOnce();
      }}
    >
      <NativeSelect
        label="From"
        description="Results of earlier steps that still hold are taken over."
        value={startAt}
        onChange={(event) => setStartAt(event.currentTarget.value)}
        data={[
          { value: "", label: "where it failed, or what has other inputs" },
          ...(run.steps ?? []).map(({ node }) => node),
        ]}
      />
      {inputs
        .filter((input) => input.format !== "project")
        .map((input) => (
          <InputField
            key={input.name}
            input={{ ...input, required: false }}
            value={changed[input.name] ?? plainText(run.inputs[input.name] ?? "")}
            onChange={(value) => setChanged({ ...changed, [input.name]: value })}
          />
        ))}
      {startAt !== "" && (
        <Textarea
          label={`Other inputs for ${startAt}`}
          description="As JSON, in place of what the workflow gives it. Empty: as before."
          classNames={{ input: "mono" }}
          rows={3}
          placeholder='{"createBackup": false}'
          error={isJson ? undefined : "This is not a JSON object."}
          value={stepInputs}
          onChange={(event) => setStepInputs(event.currentTarget.value)}
        />
      )}
      {rerun.error !== null && <Problem error={rerun.error} />}
      <div>
        <Button type="submit" loading={rerun.isPending} disabled={!isJson}>
          Run again
        </Button>
      </div>
    </form>
  );
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
