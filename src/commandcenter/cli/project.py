"""`commandcenter project`: the folders that workflows work on."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli import project_fork, project_logs, project_remove, project_set, project_stack
from commandcenter.cli.client import segment
from commandcenter.cli.command import command, default, noun
from commandcenter.cli.durations import ago, local
from commandcenter.cli.options import Limit, project_name
from commandcenter.cli.problems import UsageProblemError
from commandcenter.cli.session import Cli
from commandcenter.cli.stack_words import found_lines
from commandcenter.cli.terminal import clean, facts, table

app = noun("The folders that workflows work on.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The project's name or id.")]


@default(app, examples=["project", "project add ~/src/shop", "project show shop"])
def projects(cli: Cli) -> None:
    """The folders that workflows work on. Alone it lists them."""
    list_projects(cli)


@command(app, "add", examples=["project add .", "project add ~/src/shop --name shop"])
def add(
    cli: Cli,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A folder on the hub's machine.")],
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="Made from the folder's name if left out.")
    ] = None,
) -> None:
    """Make a folder a project; nothing is written into it. The same folder again is no change."""
    folder = Path(path).expanduser().absolute()
    if cli.client.is_local and folder.is_file():
        raise UsageProblemError(
            f"{folder} is a file; a project is a folder.",
            hint=cli.command("project", "add", str(folder.parent)),
        )
    body = {"path": str(folder)}
    if name is not None:
        body["name"] = project_name("--name", name)
    project = cli.client.post("/projects", body)

    def show() -> None:
        cli.out.print(Text(f"Project {clean(project['name'])}: {clean(project['path'])}"))
        for warning in project.get("warnings", ()):  # a hub of an earlier version tells none
            cli.out.print(Text(f"  Note: {clean(cli.pasteable(warning))}"))
        for line in found_lines(cli, project["name"]):
            cli.out.print(Text(f"  {clean(line)}"))
        review = cli.command("run", "review-and-patch", "--project", project["name"])
        cli.out.print(Text(f"  Next: {review}"))

    cli.emit(project, show)


@command(app, "list", examples=["project list", "project list --json"])
def list_projects(cli: Cli, *, limit: Limit = 200) -> None:
    """List the projects by name."""
    items = list(cli.client.pages("/projects", limit=limit))

    def show() -> None:
        if not items:
            cli.out.print(Text(f"No projects yet. Next: {cli.command('project', 'add', 'PATH')}"))
            return
        rows = [
            (item["name"], item["path"], local(item["created_at"]), _origin(item) or "")
            for item in items
        ]
        cli.out.print(table(("NAME", "PATH", "ADDED", "FORK OF"), rows))

    cli.emit(items, show)


@command(app, "show", examples=["project show shop"])
def show_project(cli: Cli, name: Name) -> None:
    """Show a project with what git says about its folder now."""
    project = cli.client.get(f"/projects/{segment(name)}")

    def show() -> None:
        git: dict[str, Any] = project["git"] or {}
        cli.out.print(
            facts(
                (
                    ("Project", project["name"]),
                    ("Id", project["id"]),
                    ("Folder", project["path"]),
                    ("Added", local(project["created_at"])),
                    ("Fork of", _origin(project)),
                    ("Problem", project["problem"]),
                    ("Branch", git.get("branch")),
                    ("Commit", git.get("head_commit")),
                    ("Tracked files", _cleanliness(git)),
                    ("Git", git.get("problem")),
                )
            )
        )

    cli.emit(project, show)


@command(app, "allow", examples=["project allow /srv/repositories"])
def allow(
    cli: Cli,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A folder of this machine.")],
) -> None:
    """Allow projects in a folder. For the operator on the hub's machine; needs no restart."""
    from commandcenter.projects.roots import AllowedRoots  # noqa: PLC0415  # used nowhere else

    allowed = AllowedRoots(cli.data_directory, ()).allow(Path(path).expanduser())
    words = f"Projects may now lie in {allowed}."
    cli.emit({"allowed": str(allowed)}, lambda: cli.out.print(Text(clean(words))))


project_remove.register(app)
project_stack.register(app)
project_set.register(app)
project_fork.register(app)
project_logs.register(app)


def _cleanliness(git: dict[str, Any]) -> str | None:
    clean_ = git.get("clean")
    return None if clean_ is None else ("as committed" if clean_ else "changed")


def _origin(project: dict[str, Any]) -> str | None:
    """Return what the project is a fork of, and since when."""
    if project.get("forked_from") is None:
        return None
    return f"{project['forked_from_name']} ({ago(project['forked_at'])})"
