import { useQuery } from "@tanstack/react-query";
import type { Permission } from "@/api/generated/schema";
import { me } from "@/api/queries";

/** Whether who is signed in has the permission; nobody has before that is known. */
export function useMay(permission: Permission): boolean {
  return useQuery(me).data?.permissions.includes(permission) ?? false;
}
