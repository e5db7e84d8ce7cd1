import type { Permission } from "@/api/generated/schema";
import type { IconName } from "@/components/icons";
import { usePermissions } from "@/lib/may";

type Place = { to: string; label: string; icon: IconName; key: string; needs?: Permission };

/**
 * The places of the dashboard, in the order of the menu; `key` follows `g` on the keyboard. Who
 * lacks what a place `needs` would only be refused there.
 */
const PLACES = [
  { to: "/", label: "Overview", icon: "overview", key: "o" },
  { to: "/projects", label: "Projects", icon: "projects", key: "p" },
  { to: "/runs", label: "Runs", icon: "runs", key: "r" },
  { to: "/approvals", label: "Approvals", icon: "approvals", key: "a" },
  { to: "/findings", label: "Findings", icon: "findings", key: "f" },
  { to: "/workflows", label: "Workflows", icon: "workflows", key: "w" },
  { to: "/agents", label: "Agents", icon: "agents", key: "g" },
  { to: "/statistics", label: "Metrics", icon: "metrics", key: "m" },
  { to: "/people", label: "People and tokens", icon: "people", key: "t" },
  { to: "/audit", label: "Audit log", icon: "audit", key: "l", needs: "audit:read" },
  { to: "/settings", label: "Settings", icon: "settings", key: "s" },
] as const satisfies readonly Place[];

/** The places where this person has something to see. */
export function usePlaces() {
  const may = usePermissions();
  return PLACES.filter((place) => !("needs" in place) || may(place.needs));
}

export const TABS = [...PLACES.slice(0, 4), { to: "/more", label: "More", icon: "more" }] as const;
