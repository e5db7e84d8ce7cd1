import { useQuery } from "@tanstack/react-query";
import type { Permission } from "@/api/generated/schema";
import { me } from "@/api/queries";

/** Whether who is signed in has the permission; nobody has before that is known. */
export function useMay(permission: Permission): boolean {
  return usePermissions()(permission);
}

/** The same for any number of permissions. */
export function usePermissions(): (permission: Permission) => boolean {
  const { data } = useQuery(me);
  return (permission) => data?.permissions.includes(permission) ?? false;
}
