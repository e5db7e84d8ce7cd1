import { Button, Modal, NativeSelect, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { fieldErrors, http, take } from "@/api/client";
import type { PrincipalOut, Role } from "@/api/generated/schema";
import { me, principals, tokens } from "@/api/queries";
import { Page, Panel } from "@/components/page";
import { Problem } from "@/components/problem";
import { State } from "@/components/state";
import { Ago } from "@/components/time";
import { useOnce } from "@/lib/once";
import { ChangePerson } from "./change-person";
import { groupsOf, ROLES } from "./person";

export default function PeoplePage() {
  const { data: who } = useQuery(me);
  const isManager = who?.permissions.includes("principals:manage") ?? false;
  const found = useQuery({ ...principals, enabled: isManager });
  const [isAdding, setAdding] = useState(false);
  const [shown, setShown] = useState<PrincipalOut | null>(null);
  const [changed, setChanged] = useState<PrincipalOut | null>(null);
  return (
    <Page
      title="People and tokens"
      actions={
        isManager && (
          <Button size="sm" onClick={() => setAdding(true)}>
            Add somebody
          </Button>
        )
      }
    >
      {who !== undefined && (
        <Panel title="You">
          <dl className="facts body">
            <dt>Name</dt>
            <dd>{who.name}</dd>
            <dt>Role</dt>
            <dd>{who.role}</dd>
            <dt>Groups</dt>
            <dd>{who.groups.join(", ") || "none"}</dd>
          </dl>
        </Panel>
      )}
      {found.error !== null && <Problem error={found.error} />}
      {found.data !== undefined && (
        <Panel title="Everybody">
          <ul className="rows">
            {found.data.items.map((person) => (
              <li key={person.id} className="row">
                <div className="grow">
                  <strong>{person.name}</strong>{" "}
                  {person.disabled_at !== null && <State state="disabled" />}
                  <div className="small muted">
                    {[person.kind, person.role, ...person.groups].join(", ")}
                  </div>
                </div>
                <Button size="xs" variant="default" onClick={() => setChanged(person)}>
                  Change…<span className="sr-only"> {person.name}</span>
                </Button>
                <Button size="xs" variant="default" onClick={() => setShown(person)}>
                  Tokens<span className="sr-only"> of {person.name}</span>
                </Button>
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <Modal opened={isAdding} onClose={() => setAdding(false)} title="Add somebody">
        <AddPerson onClose={() => setAdding(false)} />
      </Modal>
      <Modal
        opened={changed !== null}
        onClose={() => setChanged(null)}
        title={`Change ${changed?.name ?? ""}`}
      >
        {changed !== null && <ChangePerson person={changed} onClose={() => setChanged(null)} />}
      </Modal>
      <Modal
        opened={shown !== null}
        onClose={() => setShown(null)}
        title={`Tokens of ${shown?.name ?? ""}`}
        size="lg"
      >
        {shown !== null && <Tokens person={shown} />}
      </Modal>
    </Page>
  );
}

function AddPerson({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [kind, setKind] = useState<"user" | "service">("user");
  const [groups, setGroups] = useState("");
  const add = useMutation({
    mutationFn: () =>
      take(
        http.POST("/api/v1/principals", {
          body: { name, role, kind, groups: groupsOf(groups) },
        }),
      ),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: principals.queryKey });
      onClose();
    },
  });
  const byField = fieldErrors(add.error);
  const atGroups = [...byField].find(([path]) => path.startsWith("groups"))?.[1];
  const addOnce = useOnce(() => add.mutateAsync());

  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        addOnce();
      }}
    >
      <TextInput
        label="Name"
        required
        data-autofocus
        error={byField.get("name")}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <NativeSelect
        label="Role"
        data={ROLES}
        value={role}
        onChange={(event) => setRole(event.currentTarget.value as Role)}
      />
      <NativeSelect
        label="Kind"
        data={[
          { value: "user", label: "a person" },
          { value: "service", label: "a program" },
        ]}
        value={kind}
        onChange={(event) => setKind(event.currentTarget.value as "user" | "service")}
      />
      <TextInput
        label="Groups"
        description="Separated by commas; approvals ask groups."
        error={atGroups}
        value={groups}
        onChange={(event) => setGroups(event.currentTarget.value)}
      />
      {add.error !== null && byField.size === 0 && <Problem error={add.error} />}
      <div>
        <Button type="submit" loading={add.isPending}>
          Add
        </Button>
      </div>
    </form>
  );
}

function Tokens({ person }: { person: PrincipalOut }) {
  const client = useQueryClient();
  const found = useQuery(tokens(person.id));
  const [name, setName] = useState("");
  const again = () => client.invalidateQueries({ queryKey: tokens(person.id).queryKey });
  const path = { principal_id: person.id };
  const create = useMutation({
    mutationFn: () =>
      take(
        http.POST("/api/v1/principals/{principal_id}/tokens", { params: { path }, body: { name } }),
      ),
    onSuccess: again,
  });
  const link = useMutation({
    mutationFn: () =>
      take(http.POST("/api/v1/principals/{principal_id}/login-links", { params: { path } })),
    onSuccess: again,
  });
  const revoke = useMutation({
    mutationFn: (id: string) =>
      take(
        http.DELETE("/api/v1/principals/{principal_id}/tokens/{token_id}", {
          params: { path: { ...path, token_id: id } },
        }),
      ),
    onSuccess: again,
  });
  const error = found.error ?? create.error ?? link.error ?? revoke.error;
  const alive = found.data?.items.filter((token) => token.revoked_at === null) ?? [];
  const createOnce = useOnce(() => create.mutateAsync());

  return (
    <div className="stack">
      {error !== null && <Problem error={error} />}
      {create.data !== undefined && (
        <div className="note">
          <p>The only time it is shown:</p>
          <code className="wrap">{create.data.token}</code>
        </div>
      )}
      {link.data !== undefined && (
        <div className="note">
          <p>Signs in once, within 15 minutes. Hand it over in a safe way:</p>
          <code className="wrap">{link.data.url}</code>
        </div>
      )}
      <ul className="rows">
        {alive.map((token) => (
          <li key={token.id} className="row">
            <div className="grow">
              {token.name || token.kind} <span className="mono small muted">{token.prefix}…</span>
              <div className="small muted">
                {token.kind}, made <Ago at={token.created_at} />
                {token.last_used_at !== null && (
                  <>
                    , used <Ago at={token.last_used_at} />
                  </>
                )}
              </div>
            </div>
            <Button size="xs" variant="default" onClick={() => revoke.mutate(token.id)}>
              Revoke
            </Button>
          </li>
        ))}
      </ul>
      <form
        className="line"
        onSubmit={(event) => {
          event.preventDefault();
          createOnce();
        }}
      >
        <TextInput
          aria-label="Name of a new token"
          placeholder="Name of a new token"
          required
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" variant="default">
          Make a token
        </Button>
        <Button variant="default" onClick={() => link.mutate()}>
          Make a sign-in link
        </Button>
      </form>
    </div>
  );
}
