import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { me } from "@/api/queries";
import { Icon } from "@/components/icons";
import type { Builder } from "./use-builder";

/** What can be done with the whole workflow. */
export function Toolbar({
  builder,
  isChanged,
  isSaving,
  isWrong,
  onSave,
  onTry,
  onImport,
  onVersions,
}: {
  builder: Builder;
  isChanged: boolean;
  isSaving: boolean;
  isWrong: boolean;
  onSave: () => void;
  onTry: () => void;
  onImport: () => void;
  onVersions: (() => void) | null;
}) {
  const may = useQuery(me).data?.permissions ?? [];
  const maySave = may.includes("workflows:write");
  return (
    <>
      <Button.Group>
        <Button
          size="xs"
          variant="default"
          aria-label="Undo"
          title="Undo (Ctrl Z)"
          disabled={!builder.canUndo}
          onClick={builder.undo}
        >
          <Icon name="undo" />
        </Button>
        <Button
          size="xs"
          variant="default"
          aria-label="Redo"
          title="Redo (Ctrl Shift Z)"
          disabled={!builder.canRedo}
          onClick={builder.redo}
        >
          <Icon name="redo" />
        </Button>
      </Button.Group>
      <Button size="xs" variant="default" onClick={onImport}>
        Import…
      </Button>
      <Button
        size="xs"
        variant="default"
        leftSection={<Icon name="download" size={14} />}
        onClick={() => download(builder.text, `${builder.workflow.name || "workflow"}.yaml`)}
      >
        Export
      </Button>
      {onVersions !== null && (
        <Button size="xs" variant="default" onClick={onVersions}>
          Versions…
        </Button>
      )}
      <Button
        size="xs"
        variant="default"
        leftSection={<Icon name="play" size={14} />}
        disabled={isWrong || !may.includes("runs:start")}
        onClick={onTry}
      >
        {isChanged ? "Save and run…" : "Run…"}
      </Button>
      <Button
        size="xs"
        title={maySave ? "Save (Ctrl S)" : "Your role may not store workflows"}
        loading={isSaving}
        disabled={!isChanged || isWrong || !maySave}
        onClick={onSave}
      >
        Save
      </Button>
    </>
  );
}

function download(text: string, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
