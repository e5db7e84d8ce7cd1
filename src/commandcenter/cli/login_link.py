"""`commandcenter login-link`: a link that signs a browser in, once."""

from typing import Annotated

import typer
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.command import command, noun
from commandcenter.cli.durations import left
from commandcenter.cli.principals import find_principal
from commandcenter.cli.session import Cli

app = noun("A link that signs a browser in, once.")


@command(app, "login-link", examples=["login-link", "login-link --for ada"])
def login_link(
    cli: Cli,
    *,
    owner: Annotated[
        str | None,
        typer.Option("--for", metavar="PRINCIPAL", help="For somebody else; yourself if left out."),
    ] = None,
) -> None:
    """Print a link that signs a browser in, once, within 15 minutes."""
    path = "/me/login-links"
    if owner is not None:
        path = f"/principals/{segment(find_principal(cli.client, owner)['id'])}/login-links"
    link = cli.client.post(path, {})

    def show() -> None:
        cli.out.print(Text(link["url"]))
        cli.note(f"It works once, within {left(link['expires_at'])}.")

    cli.emit(link, show)
