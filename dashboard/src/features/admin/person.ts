import type { PrincipalOut, PrincipalPatch, Role } from "@/api/generated/schema";

export const ROLES: Role[] = ["viewer", "operator", "approver", "admin"];

/** Groups as they are typed: separated by commas or spaces. */
export const groupsOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** The request for what differs, null for nothing. */
export function changeOf(
  person: PrincipalOut,
  role: Role,
  groups: string[],
): PrincipalPatch | null {
  const isSame = groups.join() === person.groups.join();
  if (role === person.role && isSame) return null;
  return { ...(role === person.role ? {} : { role }), ...(isSame ? {} : { groups }) };
}

/** What a change means for somebody, said before it is made. */
export function meaningOf(person: PrincipalOut, change: PrincipalPatch): string {
  const { name } = person;
  if (change.disabled === true) {
    return `${name} can sign in no more: tokens and sessions stop working at once. What ${name} decided stays on record.`;
  }
  if (change.disabled === false) return `${name} may sign in again, as ${person.role}.`;
  const role = change.role == null ? [] : [`becomes ${change.role} in place of ${person.role}`];
  const groups =
    change.groups == null ? [] : [`is in ${change.groups.join(", ") || "no group"} from now on`];
  return `${name} ${[...role, ...groups].join(" and ")}. It takes effect at the next request.`;
}
