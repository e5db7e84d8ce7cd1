const key = (name: string | null) => `builder:${name ?? ""}`;

/** What was written in this tab and not saved: it outlives a reload and signing in again. */
export const readDraft = (name: string | null): string | null => sessionStorage.getItem(key(name));

/** Keep the text for later; null when there is nothing that would be lost. Without space it is not kept. */
export function keepDraft(name: string | null, text: string | null): void {
  try {
    if (text === null) sessionStorage.removeItem(key(name));
    else sessionStorage.setItem(key(name), text);
  } catch {
    // The browser has no room: the warning before leaving is still there.
  }
}
