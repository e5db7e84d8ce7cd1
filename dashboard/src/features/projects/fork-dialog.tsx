import { Button, Checkbox, Modal, NumberInput, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { fieldErrors, http, take } from "@/api/client";
import type { ProjectDetail } from "@/api/generated/schema";
import { projects } from "@/api/queries";
import { Problem } from "@/components/problem";
import { useOnce } from "@/lib/once";

const MAX_PAUSE_SECONDS = 60;

/** Copy a project's stack with its data under a new name; what that does is said before. */
export default function ForkDialog({
  project,
  onClose,
}: {
  project: ProjectDetail;
  onClose: () => void;
}) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [name, setName] = useState(`${project.name}-2`);
  const [starts, setStarts] = useState(true);
  const [pause, setPause] = useState<string | number>(MAX_PAUSE_SECONDS);
  // One key for the form: pressing twice, or a lost answer, makes one fork.
  const [key, setKey] = useState(() => crypto.randomUUID());
  const make = useMutation({
    mutationFn: () =>
      take(
        http.POST("/api/v1/projects/{project}/fork", {
          params: { path: { project: project.id }, header: { "idempotency-key": key } },
          body: { name, start: starts, max_pause_seconds: Number(pause) },
        }),
      ),
    onSuccess: (made) => {
      onClose();
      void client.invalidateQueries({ queryKey: projects.queryKey });
      void navigate({ to: "/projects/$project", params: { project: made.name } });
    },
    // A fork that was given up is told under its key for good: another try is another wish.
    onError: () => setKey(crypto.randomUUID()),
  });
  const byField = fieldErrors(make.error);
  const makeOnce = useOnce(() => make.mutateAsync());

  return (
    <Modal opened onClose={onClose} title={`Fork ${project.name}`} size="lg">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          makeOnce();
        }}
      >
        <ul className="plain-list">
          <li>The data of all services is copied as of one moment, to a project of its own.</li>
          <li>
            {project.name} runs on. Its services stand still only while what has changed meanwhile
            is copied.
          </li>
          <li>
            The copy has ports, a network and volumes of its own. It shares the folder{" "}
            <span className="mono wrap">{project.path}</span>: what is changed there is changed for
            both.
          </li>
        </ul>
        <TextInput
          label="Name of the copy"
          required
          data-autofocus
          value={name}
          error={byField.get("name")}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <NumberInput
          label={`Longest that ${project.name} may stand still, in seconds`}
          description="The fork is given up rather than take longer."
          min={1}
          max={3600}
          value={pause}
          error={byField.get("max_pause_seconds")}
          onChange={setPause}
        />
        <Checkbox
          label="Start it once it is copied"
          checked={starts}
          onChange={(event) => setStarts(event.currentTarget.checked)}
        />
        {make.error !== null && byField.size === 0 && <Problem error={make.error} />}
        <div>
          <Button type="submit" loading={make.isPending} disabled={name === ""}>
            Fork
          </Button>
        </div>
      </form>
    </Modal>
  );
}
