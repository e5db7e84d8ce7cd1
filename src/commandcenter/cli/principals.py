"""`commandcenter principals`: people and services that may sign in."""

from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.client import HubClient, segment
from commandcenter.cli.command import command, default, noun
from commandcenter.cli.durations import local
from commandcenter.cli.options import Limit
from commandcenter.cli.references import named
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, table

app = noun("People and services that may sign in.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The principal's name or id.")]
Role = Annotated[str, typer.Option("--role", help="viewer, operator, approver or admin.")]
Groups = Annotated[
    list[str] | None, typer.Option("--group", help="May be repeated; approvals ask groups.")
]

_ALL = 10_000


@default(app, examples=["principals", "principals create ada --role approver --group maintainers"])
def principals(cli: Cli) -> None:
    """People and services that may sign in. Alone it lists them."""
    list_principals(cli)


@command(app, "list", examples=["principals list", "principals list --json"])
def list_principals(cli: Cli, *, limit: Limit = 200) -> None:
    """List principals with role and groups."""
    items = list(cli.client.pages("/principals", limit=limit))
    rows = [
        (
            item["name"],
            item["kind"],
            item["role"],
            ", ".join(item["groups"]),
            item["id"],
            f"disabled {local(item['disabled_at'])}" if item["disabled_at"] else "",
        )
        for item in items
    ]
    headings = ("NAME", "KIND", "ROLE", "GROUPS", "ID", "")
    cli.emit(items, lambda: cli.out.print(table(headings, rows)))


@command(
    app,
    "create",
    examples=[
        "principals create ada --role approver --group maintainers",
        "principals create ci --service --role operator",
    ],
)
def create(
    cli: Cli,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    *,
    role: Role,
    group: Groups = None,
    service: Annotated[bool, typer.Option("--service", help="A program, not a person.")] = False,
) -> None:
    """Create a principal. It signs in with a token or a link."""
    body = {
        "name": name,
        "kind": "service" if service else "user",
        "role": role,
        "groups": group or [],
    }
    found = cli.client.post("/principals", body)

    def show() -> None:
        cli.out.print(Text(clean(f"Principal {found['name']} ({found['role']}).")))
        cli.out.print(Text(f"  A token: {cli.command('tokens', 'create', found['name'])}"))
        cli.out.print(Text(f"  A link:  {cli.command('login-link', '--for', found['name'])}"))

    cli.emit(found, show)


@command(
    app,
    "change",
    examples=["principals change ada --role admin", "principals change ada --disable"],
)
def change(
    cli: Cli,
    name: Name,
    *,
    role: Annotated[str | None, typer.Option("--role", help="viewer, operator ...")] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", help="In place of the present groups.")
    ] = None,
    disable: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Takes effect at once.")
    ] = None,
) -> None:
    """Change role or groups, disable or enable. What is left out stays as it is."""
    body: dict[str, Any] = {}
    if role is not None:
        body["role"] = role
    if group is not None:
        body["groups"] = group
    if disable is not None:
        body["disabled"] = disable
    wanted = find_principal(cli.client, name)["id"]
    found = cli.client.patch(f"/principals/{segment(wanted)}", body)
    words = f"{found['name']}: {found['role']}, groups {', '.join(found['groups']) or 'none'}"
    state = ", disabled" if found["disabled_at"] else ""
    cli.emit(found, lambda: cli.out.print(Text(clean(f"{words}{state}."))))


@command(app, "revoke", examples=["principals revoke ada"])
def revoke(cli: Cli, name: Name) -> None:
    """Disable a principal with all its tokens and sessions. Past approvals still name it."""
    found = find_principal(cli.client, name)
    cli.client.delete(f"/principals/{segment(found['id'])}")
    words = f"{found['name']} can sign in no more."
    cli.emit({"disabled": found["id"]}, lambda: cli.out.print(Text(clean(words))))


def find_principal(client: HubClient, given: str) -> dict[str, Any]:
    """Return a principal by name, id or the beginning of its id."""
    return named("principal", given, client.pages("/principals", limit=_ALL))
