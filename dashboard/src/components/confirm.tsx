import { Button, Modal } from "@mantine/core";
import type { ReactNode } from "react";

/** Asks before something is done that cannot be taken back. */
export function Confirm({
  title,
  does,
  keeps,
  onSure,
  onClose,
  children,
}: {
  title: string;
  /** What the button says that does it, and the one that does not. */
  does: string;
  keeps: string;
  onSure: () => void;
  onClose: () => void;
  children: ReactNode;
}) {
  return (
    <Modal opened onClose={onClose} title={title}>
      <div className="stack">
        {children}
        <div className="line">
          <Button
            color="red"
            onClick={() => {
              onSure();
              onClose();
            }}
          >
            {does}
          </Button>
          <Button variant="default" data-autofocus onClick={onClose}>
            {keeps}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
