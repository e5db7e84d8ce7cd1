import { Button, FileButton, Modal, Textarea } from "@mantine/core";
import { useState } from "react";
import { importedText } from "./model/import";
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
  const [refused, setRefused] = useState<string | null>(null);
  const isReadable = text === "" || readWorkflow(text).workflow !== null;
  const write = (written: string) => {
    setRefused(null);
    setText(written);
  };
  const take = async (file: File) => {
    try {
      const { text: found, problem } = importedText(
        file.name,
        new Uint8Array(await file.arrayBuffer()),
      );
      if (problem === undefined) write(found);
      else setRefused(problem);
    } catch {
      setRefused(`${file.name} could not be read. Choose it again, or another one.`);
    }
  };
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
            refused ??
            (isReadable
              ? undefined
              : "This is not YAML as it stands; it can be mended here or in the editor.")
          }
          onChange={(event) => write(event.currentTarget.value)}
        />
        <div className="line">
          <FileButton
            accept=".yaml,.yml,.json"
            onChange={(file) => void (file !== null && take(file))}
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
