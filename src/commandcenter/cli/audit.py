"""`commandcenter audit`: who did what, in a chain that shows tampering."""

from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.command import command, noun
from commandcenter.cli.durations import local
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.options import Limit
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import one_line, table

app = noun("Who did what, in a chain that shows tampering.")


@command(app, "audit", examples=["audit", "audit --limit 500 --json", "audit --verify"])
def audit(
    cli: Cli,
    *,
    limit: Limit = 50,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the chain of hashes instead.")
    ] = False,
) -> ExitCode:
    """List who did what, the newest first. With --verify, exit code 1 if the chain is broken."""
    if verify:
        return _verify(cli)
    items = list(cli.client.pages("/audit", limit=limit))
    rows = [
        (
            item["id"],
            local(item["at"]),
            item["principal_name"],
            item["action"],
            item["subject"],
            _details(item["data"]),
        )
        for item in items
    ]
    cli.emit(items, lambda: cli.out.print(table(("ID", "AT", "WHO", "WHAT", "ON", ""), rows)))
    return ExitCode.OK


def _verify(cli: Cli) -> ExitCode:
    found = cli.client.get("/audit/verify")
    broken = found["broken_id"]

    def show() -> None:
        if broken is None:
            cli.out.print(Text(f"{found['entries']} entries, the chain holds.", "green"))
            cli.out.print(Text(f"  Last hash, to be kept elsewhere: {found['last_hash']}"))
        else:
            cli.out.print(
                Text(
                    f"The chain is broken at entry {broken}: it was changed, or one before it "
                    "removed.",
                    "bold red",
                )
            )

    cli.emit(found, show)
    return ExitCode.OK if broken is None else ExitCode.FAILED


def _details(data: dict[str, Any]) -> str:
    return " ".join(f"{name}={one_line(value, 60)}" for name, value in data.items() if value)
