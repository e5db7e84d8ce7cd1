import { Button, Modal } from "@mantine/core";

/** Asked before a page with changes that are not stored is left. */
export function LeaveDialog({ onStay, onLeave }: { onStay: () => void; onLeave: () => void }) {
  return (
    <Modal opened onClose={onStay} title="Leave without saving?">
      <div className="stack">
        <p>What you changed since the last saving would be lost.</p>
        <div className="line">
          <Button data-autofocus onClick={onStay}>
            Stay here
          </Button>
          <Button variant="default" onClick={onLeave}>
            Leave
          </Button>
        </div>
      </div>
    </Modal>
  );
}
