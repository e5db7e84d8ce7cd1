/*
 * The tab speaks when nobody looks: its title counts what waits for a decision, its icon has a dot
 * for what waits and for what failed, and is grey while the hub is away.
 */

type Notice = { waiting: number; failures: number; offline: boolean };

let pageTitle = "";
let notice: Notice = { waiting: 0, failures: 0, offline: false };

const ICON =
  '<rect width="32" height="32" rx="7" fill="FILL"/><path d="M9 10l6 6-6 6M17 22h7" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/>';

export function setPageTitle(title: string): void {
  pageTitle = title;
  show();
}

export function setNotice(changed: Partial<Notice>): void {
  notice = { ...notice, ...changed };
  show();
}

function show(): void {
  document.title = titleFor(pageTitle, notice);
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  const address = `data:image/svg+xml,${encodeURIComponent(iconFor(notice))}`;
  if (link !== null && link.href !== address) link.href = address;
}

export function titleFor(page: string, { waiting, failures, offline }: Notice): string {
  const name = page === "" ? "CommandCenter" : `${page} · CommandCenter`;
  if (offline) return `Reconnecting · ${name}`;
  if (waiting > 0) return `(${waiting}) ${name}`;
  return failures > 0 ? `✕ ${name}` : name;
}

function iconFor({ waiting, failures, offline }: Notice): string {
  const dot = failures > 0 ? "#e5484d" : waiting > 0 ? "#f5b83d" : null;
  const mark =
    dot === null
      ? ""
      : `<circle cx="25" cy="7" r="6" fill="${dot}" stroke="#fff" stroke-width="2"/>`;
  const ground = ICON.replace("FILL", offline ? "#8a8f98" : "#3461c9");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${ground}${mark}</svg>`;
}
