"""`commandcenter project remove`: forget a project, and say what stays of it."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.command import command
from commandcenter.cli.problems import HubProblemError, UsageProblemError
from commandcenter.cli.project_stack import Name
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean

_MB = 1000**2
_MEASURING_SECONDS = 60.0


def register(app: typer.Typer) -> None:
    """Add the command to `project`."""
    command(app, "remove", examples=["project remove shop", "project remove shop --delete-data"])(
        remove
    )


def remove(
    cli: Cli,
    name: Name,
    *,
    delete_data: Annotated[
        bool,
        typer.Option(
            "--delete-data", help="Delete what its services keep: volumes, logs and secrets."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget a project. Its folder, its past runs and its services' data stay as they are."""
    project = cli.client.get(f"/projects/{segment(name)}")
    path = f"/projects/{segment(project['id'])}"
    volumes = _volumes(cli, path, project["name"], must=delete_data)
    if delete_data:
        if not yes:
            _confirm(cli, project["name"], volumes)
        cli.client.delete(f"{path}/data")
    cli.client.delete(path)

    def show() -> None:
        cli.out.print(Text(f"Removed project {clean(project['name'])}."))
        if delete_data:
            cli.out.print(Text("  Its data is deleted." if volumes else "  It kept no data."))
            return
        for line in _kept_lines(cli, project, volumes):
            cli.out.print(Text(f"  {clean(line)}"))

    kept = [] if delete_data else volumes
    cli.emit({"removed": project["name"], "kept": kept}, show)


def _volumes(cli: Cli, path: str, name: str, *, must: bool) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = cli.client.get(
            f"{path}/data", silent_seconds=_MEASURING_SECONDS
        )["volumes"]
    except HubProblemError as error:
        if must:
            raise
        # A runtime that is away is no reason to keep the project.
        cli.note(f"What {clean(name)} keeps cannot be looked at, and stays: {clean(error)}")
        return []
    return found


def _confirm(cli: Cli, name: str, volumes: list[dict[str, Any]]) -> None:
    words = ", ".join(_in_its_place(each) for each in volumes) or "no volumes"
    if not sys.stdin.isatty():
        raise UsageProblemError(
            f"The data of {name} would be gone for good: {words}.",
            hint="If that is meant: "
            f"{cli.command('project', 'remove', name, '--delete-data', '--yes')}",
        )
    typer.confirm(f"Remove {name} and delete its data ({words})?", abort=True, err=True)


def _kept_lines(cli: Cli, project: dict[str, Any], volumes: list[dict[str, Any]]) -> Iterator[str]:
    if not volumes:
        return
    yield "The data of its services stays:"
    for volume in volumes:
        yield f"  {_in_its_place(volume)}"
    if project["forked_from"] is not None:
        yield "It was a fork's, and no project takes it up again: delete these folders by hand."
        return
    again = cli.command("project", "add", project["path"], "--name", project["name"])
    yield f"To have it again: {again}"
    gone = cli.command("project", "remove", project["name"], "--delete-data")
    yield f"To delete it: the same, then {gone}"


def _in_its_place(volume: dict[str, Any]) -> str:
    return f"{_volume(volume)}: {volume['place']}"


def _volume(volume: dict[str, Any]) -> str:
    size = volume["size_bytes"]
    return volume["name"] if size is None else f"{volume['name']} ({size / _MB:.1f} MB)"
