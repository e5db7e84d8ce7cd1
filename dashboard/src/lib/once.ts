import { useRef } from "react";

/** Does it unless it is under way: a second click may come before the button is drawn disabled. */
export function useOnce(act: () => Promise<unknown>): () => void {
  const isBusy = useRef(false);
  return () => {
    if (isBusy.current) return;
    isBusy.current = true;
    act()
      .catch(() => undefined) // shown by whoever acts
      .finally(() => {
        isBusy.current = false;
      });
  };
}
