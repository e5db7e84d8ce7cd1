"""`commandcenter secrets`: values go in and never come out; agents get what they were granted."""

import sys
from typing import Annotated

import typer
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.command import command, default, noun
from commandcenter.cli.durations import local
from commandcenter.cli.inputs import read_value
from commandcenter.cli.options import Limit
from commandcenter.cli.problems import UsageProblemError
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, table

app = noun("Values for agents; they go in and never come out.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name.")]
Agent = Annotated[str, typer.Argument(metavar="AGENT", help="An agent's name.")]


@default(app, examples=["secrets", "secrets set SLACK_TOKEN", "secrets grant SLACK_TOKEN notifier"])
def secrets(cli: Cli) -> None:
    """Values for agents; they go in and never come out. Alone it lists their names."""
    list_secrets(cli)


@command(app, "list", examples=["secrets list", "secrets list --json"])
def list_secrets(cli: Cli, *, limit: Limit = 200) -> None:
    """List the names of secrets and the agents that may have them."""
    items = list(cli.client.pages("/secrets", limit=limit))
    rows = [
        (item["name"], ", ".join(item["granted_to"]), local(item["updated_at"])) for item in items
    ]
    cli.emit(items, lambda: cli.out.print(table(("NAME", "GRANTED TO", "CHANGED"), rows)))


@command(
    app,
    "set",
    examples=[
        "secrets set SLACK_TOKEN",
        "secrets set SLACK_TOKEN --from @token.txt",
        "secrets set SLACK_TOKEN < token.txt",
    ],
)
def set_secret(
    cli: Cli,
    name: Name,
    *,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="@FILE", help="Read it from a file; one newline is cut."),
    ] = None,
) -> None:
    """Create a secret or give it a new value: asked for, from standard input or from a file.

    It is never taken from the command line, where other users and the shell's history see it.
    """
    value = _value(source)
    cli.client.put(f"/secrets/{segment(name)}", {"value": value})

    def show() -> None:
        cli.out.print(Text(f"Secret {clean(name)} is set."))
        grant = cli.command("secrets", "grant", name, "AGENT")
        cli.out.print(Text(f"  Let an agent have it: {grant}"))

    cli.emit({"name": name}, show)


@command(app, "grant", examples=["secrets grant SLACK_TOKEN notifier"])
def grant(cli: Cli, name: Name, agent: Agent) -> None:
    """Let an agent have a secret that its manifest asks for."""
    cli.client.put(f"/secrets/{segment(name)}/grants/{segment(agent)}", {})
    words = f"Agent {clean(agent)} may have {clean(name)}."
    cli.emit({"name": name, "agent": agent}, lambda: cli.out.print(Text(words)))


@command(app, "revoke", examples=["secrets revoke SLACK_TOKEN notifier"])
def revoke(cli: Cli, name: Name, agent: Agent) -> None:
    """Take a secret away from an agent; attempts that start from now on do not get it."""
    cli.client.delete(f"/secrets/{segment(name)}/grants/{segment(agent)}")
    words = f"Agent {clean(agent)} may not have {clean(name)} any more."
    cli.emit({"name": name, "agent": agent}, lambda: cli.out.print(Text(words)))


@command(app, "delete", examples=["secrets delete SLACK_TOKEN"])
def delete(cli: Cli, name: Name) -> None:
    """Delete a secret with its grants."""
    cli.client.delete(f"/secrets/{segment(name)}")
    cli.emit({"name": name}, lambda: cli.out.print(Text(f"Deleted secret {clean(name)}.")))


def _value(source: str | None) -> str:
    if source is not None:
        if not source.startswith("@"):
            raise UsageProblemError(
                "A secret's value is not taken from the command line.",
                hint="--from @FILE reads a file; without --from it is asked for.",
            )
        value = read_value(source, what="the secret")
    elif sys.stdin.isatty():
        value = typer.prompt("Value", hide_input=True, confirmation_prompt=True, err=True)
    else:
        value = read_value("@-", what="the secret")
    return str(value).removesuffix("\n").removesuffix("\r")
