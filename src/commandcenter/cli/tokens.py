"""`commandcenter tokens`: what programs and the command line sign in with."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.command import command, default, noun
from commandcenter.cli.durations import ago, local
from commandcenter.cli.options import Limit
from commandcenter.cli.principals import find_principal
from commandcenter.cli.private_file import write_private
from commandcenter.cli.references import named
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, table

app = noun("What programs sign in with.")

Principal = Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Whose: a name or an id.")]

_ALL = 10_000


@default(app, examples=["tokens", "tokens create ci --to ci-token", "tokens revoke ci tok_2k"])
def tokens(cli: Cli) -> None:
    """What programs sign in with. Alone it lists your own."""
    list_tokens(cli, cli.client.get("/me")["id"])


@command(app, "list", examples=["tokens list admin"])
def list_tokens(cli: Cli, principal: Principal, *, limit: Limit = 200) -> None:
    """List a principal's tokens and sessions; their values are not kept anywhere."""
    owner = find_principal(cli.client, principal)
    items = list(cli.client.pages(f"/principals/{segment(owner['id'])}/tokens", limit=limit))
    rows = [
        (
            item["id"],
            item["kind"],
            item["name"],
            item["prefix"],
            ago(item["last_used_at"]),
            local(item["expires_at"]),
            "revoked" if item["revoked_at"] else "",
        )
        for item in items
    ]
    headings = ("ID", "KIND", "NAME", "PREFIX", "USED", "EXPIRES", "")
    cli.emit(items, lambda: cli.out.print(table(headings, rows)))


@command(
    app,
    "create",
    examples=["tokens create ci --name pipeline --days 90 --to ci-token", "tokens create ada"],
)
def create(
    cli: Cli,
    principal: Principal,
    *,
    name: Annotated[str, typer.Option("--name", help="What it is for.")] = "token",
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=3650, help="Valid so long; else for ever.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Write it to this file, for its owner alone."),
    ] = None,
) -> None:
    """Create a token. Its value is shown once: on stdout, or in a file with --to."""
    owner = find_principal(cli.client, principal)
    body: dict[str, Any] = {"name": name}
    if days is not None:
        body["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    found = cli.client.post(f"/principals/{segment(owner['id'])}/tokens", body)
    if to is not None:
        write_private(to, f"{found.pop('token')}\n")
        words = f"Token {found['id']} is in {to}."
        cli.emit(found, lambda: cli.out.print(Text(clean(words))))
        return
    cli.emit(found, lambda: cli.out.print(Text(found["token"])))


@command(app, "revoke", examples=["tokens revoke ci tok_2k"])
def revoke(
    cli: Cli,
    principal: Principal,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id or name.")],
) -> None:
    """Revoke a token; it is dead at once."""
    owner = find_principal(cli.client, principal)
    path = f"/principals/{segment(owner['id'])}/tokens"
    live = (item for item in cli.client.pages(path, limit=_ALL) if not item["revoked_at"])
    found = named("token", token, live)
    cli.client.delete(f"{path}/{segment(found['id'])}")
    words = f"Revoked {found['id']} ({clean(found['name'])})."
    cli.emit({"revoked": found["id"]}, lambda: cli.out.print(Text(words)))
