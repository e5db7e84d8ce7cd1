"""`commandcenter runs artifacts`: what a run's steps left, and its download."""

from pathlib import Path, PurePosixPath
from typing import Annotated

import typer
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.command import command
from commandcenter.cli.durations import size
from commandcenter.cli.options import RunId
from commandcenter.cli.problems import UsageProblemError
from commandcenter.cli.references import run_id
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, table

_MAX_ARTIFACTS = 10_000


def register(app: typer.Typer) -> None:
    """Add the command to `runs`."""
    command(
        app,
        "artifacts",
        examples=["runs artifacts latest", "runs artifacts latest --download ./reports"],
    )(artifacts)


def artifacts(
    cli: Cli,
    run: RunId,
    *,
    download: Annotated[
        Path | None,
        typer.Option("--download", metavar="FOLDER", help="Write them to FOLDER/NODE/NAME."),
    ] = None,
) -> None:
    """List what a run's steps left, or download all of it."""
    wanted = run_id(cli.client, run)
    items = list(cli.client.pages(f"/runs/{segment(wanted)}/artifacts", limit=_MAX_ARTIFACTS))
    if download is not None:
        for item in items:
            target = place(download, item["node"], item["name"])
            target.parent.mkdir(parents=True, exist_ok=True)
            cli.client.download(f"/artifacts/{segment(item['id'])}/content", target)
            item["downloaded_to"] = str(target)

    def show() -> None:
        if not items:
            cli.out.print(Text("The run has left no artifacts."))
            return
        rows = [
            (
                item["node"],
                item["name"],
                size(item["size_bytes"]),
                item["media_type"],
                item.get("downloaded_to", item["id"]),
            )
            for item in items
        ]
        last = "DOWNLOADED TO" if download is not None else "ID"
        cli.out.print(table(("NODE", "NAME", "SIZE", "TYPE", last), rows))

    cli.emit(items, show)


def place(folder: Path, node: str, name: str) -> Path:
    """Return where to write an artifact; its name, chosen by an agent, cannot lead elsewhere."""
    parts = [*PurePosixPath(node).parts, *PurePosixPath(name).parts]
    if any(part in {"..", "/", ""} or "\\" in part or "\0" in part for part in parts):
        raise UsageProblemError(
            f"The artifact's name {clean(name)!r} leads out of {folder}; it was not written.",
            hint="Download it by its id through the API if it is wanted.",
        )
    return folder.joinpath(*parts)
