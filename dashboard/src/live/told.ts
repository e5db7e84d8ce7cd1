import { UnreachableError } from "@/api/client";
import type { Connection } from "./socket";

/**
 * Whether an error is to be told. That the hub could not be reached is past once the line to it is
 * open again, and where something was only read the page's head says so as long as it is not.
 */
export function isToTell(error: Error, { phase, opened }: Connection): boolean {
  if (!(error instanceof UnreachableError)) return true;
  const isPast = opened !== null && error.at <= opened;
  return !isPast && !(error.isRead && phase === "reconnecting");
}
