import { Button, FileButton, Modal, Textarea } from "@mantine/core";
import { useState } from "react";
import { readWorkflow } from "./model/workflow";

/** Take the text of a workflow from a file or from the clipboard; it can be undone. */
export function ImportDialog({
  onTake,
  onClose,
}: {
  onTake: (text: string) => void;
  onClose: () => void;
}) {
  const [text, setText] = useState("");
  const isReadable = text === "" || readWorkflow(text).workflow !== null;
  return (
    <Modal opened onClose={onClose} title="Import a workflow" size="lg">
      <div className="stack">
        <Textarea
          label="YAML or JSON"
          data-autofocus
          classNames={{ input: "mono" }}
          rows={12}
          value={text}
          error={
            isReadable
              ? undefined
              : "This is not YAML as it stands; it can be mended here or in the editor."
          }
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <div className="line">
          <FileButton
            accept=".yaml,.yml,.json"
            onChange={(file) => void file?.text().then(setText)}
          >
            {(props) => (
              <Button variant="default" {...props}>
                Choose a file
              </Button>
            )}
          </FileButton>
          <Button disabled={text.trim() === ""} onClick={() => onTake(text)}>
            Take it
          </Button>
        </div>
        <p className="muted small">
          It takes the place of the text in the editor, and is stored once you save it.
        </p>
      </div>
    </Modal>
  );
}
