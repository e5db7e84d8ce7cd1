import { Button, Checkbox, Modal, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { fieldErrors, http, take } from "@/api/client";
import { folders } from "@/api/queries";
import { Icon } from "@/components/icons";
import { Problem } from "@/components/problem";
import { useOnce } from "@/lib/once";

/** Choose a folder within the allowed roots and make it a project; nothing is written into it. */
export function AddProject({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Add a project" size="lg">
      {opened && <AddProjectForm onClose={onClose} />}
    </Modal>
  );
}

function AddProjectForm({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const [path, setPath] = useState("");
  const [name, setName] = useState("");
  const [withHidden, setHidden] = useState(false);
  const [shown, setShown] = useState<string | null>(null);
  const listing = useQuery(folders(shown));
  const show = (project: string) => {
    onClose();
    void navigate({ to: "/projects/$project", params: { project } });
  };
  const add = useMutation({
    mutationFn: () =>
      take(http.POST("/api/v1/projects", { body: { path, ...(name === "" ? {} : { name }) } })),
    onSuccess: (project) => {
      if (project.warnings.length === 0) show(project.name);
    },
  });
  const visible = (listing.data?.folders ?? []).filter(
    (folder) => withHidden || !folder.name.startsWith("."),
  );
  const open = (folder: string) => {
    setShown(folder);
    setPath(folder);
  };
  const byField = fieldErrors(add.error);
  const addOnce = useOnce(() => add.mutateAsync());

  // It is added, and may lack something for agents: it is said, and leads on.
  if (add.data !== undefined && add.data.warnings.length > 0) {
    return (
      <div className="stack">
        <p role="status">{add.data.name} is added.</p>
        {add.data.warnings.map((warning) => (
          <p key={warning} className="note">
            {warning}
          </p>
        ))}
        <div>
          <Button data-autofocus onClick={() => show(add.data.name)}>
            Go to {add.data.name}
          </Button>
        </div>
      </div>
    );
  }
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        addOnce();
      }}
    >
      <TextInput
        label="Folder on the hub's machine"
        description="Nothing is copied, and nothing is written into it."
        required
        data-autofocus
        classNames={{ input: "mono" }}
        value={path}
        onChange={(event) => setPath(event.currentTarget.value)}
      />
      <div className="folders">
        <div className="line small">
          {shown !== null && (
            <button
              type="button"
              className="link line"
              onClick={() => {
                const parent = listing.data?.parent ?? null;
                setShown(parent);
                if (parent !== null) setPath(parent);
              }}
            >
              <Icon name="up" /> Up
            </button>
          )}
          <span className="muted mono clip">{shown ?? "Where projects may lie"}</span>
        </div>
        {listing.error !== null && <Problem error={listing.error} />}
        <ul aria-label="Folders">
          {visible.map((folder) => (
            <li key={folder.path}>
              <button type="button" onClick={() => open(folder.path)}>
                <Icon name={folder.is_repository ? "branch" : "folder"} />
                {folder.name}
                {folder.is_repository && <span className="muted small">git repository</span>}
              </button>
            </li>
          ))}
          {listing.data !== undefined && visible.length === 0 && (
            <li className="muted small">No folders in here.</li>
          )}
        </ul>
        <Checkbox
          size="xs"
          label="Hidden folders too"
          checked={withHidden}
          onChange={(event) => setHidden(event.currentTarget.checked)}
        />
      </div>
      <TextInput
        label="Name"
        description="The folder's own unless given."
        error={byField.get("name")}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      {add.error !== null && !byField.has("name") && <Problem error={add.error} />}
      <div>
        <Button type="submit" loading={add.isPending} disabled={path === ""}>
          Add project
        </Button>
      </div>
    </form>
  );
}
