"""`commandcenter events`: everything that happens, as it is stored."""

from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.command import command, noun
from commandcenter.cli.durations import local
from commandcenter.cli.event_stream import Batch, EventStream, Reconnected, Reconnecting
from commandcenter.cli.references import run_id
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import one_line, print_json

app = noun("Everything that happens, as it is stored.")

_PAGE = 1000


@command(
    app,
    "events",
    examples=["events", "events --follow", "events -f --json --after 0", "events --run latest"],
)
def events(
    cli: Cli,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they come.")] = False,
    after: Annotated[int, typer.Option("--after", min=0, help="With ids above this one.")] = 0,
    run: Annotated[str | None, typer.Option("--run", help="Of this run.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=100_000, help="At most so many stored ones.")
    ] = 1000,
) -> None:
    """Print stored events in order, one per line; with --json as JSON lines."""
    client = cli.client
    wanted = run_id(client, run) if run is not None else None
    left = limit
    while left > 0:
        page = client.get("/events", after=after, run_id=wanted, limit=min(left, _PAGE))
        for event in page["items"]:
            _print(cli, event)
        left -= len(page["items"])
        after = page["last_id"]
        if not page["has_more"]:
            break
    if not follow:
        return
    for item in EventStream(client, after=after, run_id=wanted).items():
        match item:
            case Batch(events=batch):
                for event in batch:
                    _print(cli, event)
            case Reconnecting(attempt=0):
                cli.note("the hub is away; reconnecting ... Ctrl-C is safe.")
            case Reconnected():
                cli.note("the hub is back")


def _print(cli: Cli, event: dict[str, Any]) -> None:
    if cli.json:
        print_json(event, indent=None)
        return
    details = " ".join(
        f"{name}={one_line(value, 60)}" for name, value in event["data"].items() if value
    )
    cli.out.print(
        Text.assemble(
            (f"{event['id']:>6} ", "dim"),
            (f"{local(event['at'])} ", "dim"),
            (f"{event['type']:<22} ", "bold"),
            one_line(event["subject"]),
            (f"  {event['run_id']}" if event["run_id"] not in {None, event["subject"]} else ""),
            (f"  {details}", "dim"),
        )
    )
