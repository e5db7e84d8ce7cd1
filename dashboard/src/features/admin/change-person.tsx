import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { http, take } from "@/api/client";
import type { PrincipalOut, PrincipalPatch, Role } from "@/api/generated/schema";
import { me, principals } from "@/api/queries";
import { Problem } from "@/components/problem";
import { changeOf, groupsOf, meaningOf, ROLES } from "./person";

/** Change role and groups, disable or enable; what it means is said before it is done. */
export function ChangePerson({ person, onClose }: { person: PrincipalOut; onClose: () => void }) {
  const client = useQueryClient();
  const { data: who } = useQuery(me);
  const [role, setRole] = useState<Role>(person.role);
  const [groups, setGroups] = useState(person.groups.join(", "));
  const [asked, setAsked] = useState<PrincipalPatch | null>(null);
  const change = useMutation({
    mutationFn: (body: PrincipalPatch) =>
      take(
        http.PATCH("/api/v1/principals/{principal_id}", {
          params: { path: { principal_id: person.id } },
          body,
        }),
      ),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: principals.queryKey });
      void client.invalidateQueries({ queryKey: me.queryKey });
      onClose();
    },
  });
  const wanted = changeOf(person, role, groupsOf(groups));
  const isDisabled = person.disabled_at !== null;

  if (asked !== null) {
    return (
      <div className="stack">
        <p>
          {person.id === who?.id && <strong>This is you. </strong>}
          {meaningOf(person, asked)}
        </p>
        {change.error !== null && <Problem error={change.error} />}
        <div className="line">
          <Button
            color={asked.disabled === true ? "red" : undefined}
            loading={change.isPending}
            onClick={() => change.mutate(asked)}
          >
            {asked.disabled == null ? "Change" : asked.disabled ? "Disable" : "Enable"}{" "}
            {person.name}
          </Button>
          <Button
            variant="default"
            onClick={() => {
              change.reset();
              setAsked(null);
            }}
          >
            Back
          </Button>
        </div>
      </div>
    );
  }
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        setAsked(wanted);
      }}
    >
      <NativeSelect
        label="Role"
        data-autofocus
        data={ROLES}
        value={role}
        onChange={(event) => setRole(event.currentTarget.value as Role)}
      />
      <TextInput
        label="Groups"
        description="Separated by commas; approvals ask groups."
        value={groups}
        onChange={(event) => setGroups(event.currentTarget.value)}
      />
      <div className="line">
        <Button type="submit" disabled={wanted === null}>
          Change…
        </Button>
        <Button
          variant="outline"
          color={isDisabled ? undefined : "red"}
          onClick={() => setAsked({ disabled: !isDisabled })}
        >
          {isDisabled ? "Enable" : "Disable"} {person.name}…
        </Button>
      </div>
    </form>
  );
}
