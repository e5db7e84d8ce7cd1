"""`commandcenter workflows`: definitions with versions."""

from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.command import command, default, noun
from commandcenter.cli.durations import duration, local
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.inputs import read_value
from commandcenter.cli.options import Limit
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, facts, one_line, table

app = noun("Definitions: list, add, validate.")

Workflow = Annotated[str, typer.Argument(metavar="WORKFLOW", help="Its name, name@version or id.")]
File = Annotated[
    str, typer.Argument(metavar="FILE", help="A definition in YAML or JSON; - is standard input.")
]


@default(app, examples=["workflows", "workflows show scan --source", "workflows add ci.yaml"])
def workflows(cli: Cli) -> None:
    """Definitions with versions. Alone it lists them."""
    list_workflows(cli)


@command(app, "list", examples=["workflows list", "workflows list --retired --json"])
def list_workflows(
    cli: Cli,
    *,
    retired: Annotated[bool, typer.Option("--retired", help="Retired ones, too.")] = False,
    limit: Limit = 200,
) -> None:
    """List the current version of each workflow."""
    items = list(cli.client.pages("/workflows", limit=limit, retired=retired or None))

    def show() -> None:
        if not items:
            cli.out.print(Text(f"No workflows. Next: {cli.command('workflows', 'add', 'FILE')}"))
            return
        rows = [
            (item["name"], item["version"], local(item["created_at"]), _retired(item))
            for item in items
        ]
        cli.out.print(table(("NAME", "VERSION", "STORED", ""), rows))

    cli.emit(items, show)


@command(
    app,
    "show",
    examples=[
        "workflows show scan",
        "workflows show scan@2 --source",
        "workflows show scan --plan",
    ],
)
def show_workflow(
    cli: Cli,
    workflow: Workflow,
    *,
    source: Annotated[bool, typer.Option("--source", help="The definition as stored.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Only the nodes, in order.")] = False,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="The current one if left out.")
    ] = None,
) -> None:
    """Show a workflow: inputs, nodes in the order they could run, gates."""
    wanted = workflow if version is None else f"{workflow}@{version}"
    found = cli.client.get(f"/workflows/{segment(wanted)}")

    def show() -> None:
        if source:
            cli.out.print(Text(clean(found["source"].rstrip("\n"))))
            return
        if not plan:
            cli.out.print(
                facts(
                    (
                        ("Workflow", f"{found['name']}@{found['version']}"),
                        ("What", found["plan"]["description"]),
                        ("Stored", local(found["created_at"])),
                        ("Retired", local(found["retired_at"])),
                        ("Deadline", duration(found["plan"]["timeout_seconds"])),
                        ("Triggers", ", ".join(t["kind"] for t in found["plan"]["triggers"])),
                    )
                )
            )
            _show_inputs(cli, found["plan"]["inputs"])
        _show_nodes(cli, found["plan"]["nodes"])

    cli.emit(found, show)


@command(app, "versions", examples=["workflows versions scan"])
def versions(cli: Cli, workflow: Workflow, *, limit: Limit = 50) -> None:
    """List the versions of a workflow, the newest first."""
    path = f"/workflows/{segment(workflow)}/versions"
    items = list(cli.client.pages(path, limit=limit))
    rows = [
        (item["version"], item["digest"][:19], local(item["created_at"]), _retired(item))
        for item in items
    ]
    cli.emit(items, lambda: cli.out.print(table(("VERSION", "DIGEST", "STORED", ""), rows)))


@command(app, "add", examples=["workflows add nightly.yaml", "workflows add - < nightly.yaml"])
def add(cli: Cli, file: File) -> None:
    """Store a definition as the next version of its name. The latest text again is no change."""
    text = read_value(f"@{file}", what="the workflow")
    found = cli.client.post_text("/workflows", text, media_type="application/yaml")

    def show() -> None:
        cli.out.print(Text(clean(f"Workflow {found['name']} is at version {found['version']}.")))
        cli.out.print(Text(f"  Next: {cli.command('run', found['name'])}"))

    cli.emit(found, show)


@command(app, "validate", examples=["workflows validate nightly.yaml"])
def validate(cli: Cli, file: File) -> ExitCode:
    """Say everything that is wrong with a definition; nothing is stored. Exit code 2 if so."""
    text = read_value(f"@{file}", what="the workflow")
    found = cli.client.post_text("/workflows/validate", text, media_type="application/yaml")

    def show() -> None:
        if found["valid"]:
            count = len(found["plan"]["nodes"])
            cli.out.print(Text(f"{file} is valid: {count} node{'' if count == 1 else 's'}."))
        for issue in found["issues"]:
            place = f"{file}:{issue['line']}:{issue['column']}" if issue["line"] else file
            hint = f" ({issue['hint']})" if issue["hint"] else ""
            words = f"{place}: {issue['path']}: {issue['message']}{hint}"
            cli.out.print(Text(one_line(words)))

    cli.emit(found, show)
    return ExitCode.OK if found["valid"] else ExitCode.USAGE


@command(app, "retire", examples=["workflows retire nightly", "workflows retire nightly@2"])
def retire(cli: Cli, workflow: Workflow) -> None:
    """Keep new runs from using a workflow, or one version of it. Past runs still show it."""
    found = cli.client.delete(f"/workflows/{segment(workflow)}")
    words = f"Retired {found['name']}, version {found['version']}."
    cli.emit(found, lambda: cli.out.print(Text(clean(words))))


def _show_inputs(cli: Cli, inputs: list[dict[str, Any]]) -> None:
    if not inputs:
        return
    rows = [
        (
            f"  {item['name']}",
            item["format"] or item["type"],
            "required" if item["required"] else f"default {item['default']}",
            item["description"] or "",
        )
        for item in inputs
    ]
    cli.out.print()
    cli.out.print(table(("  INPUT", "TYPE", "", ""), rows))


def _show_nodes(cli: Cli, nodes: list[dict[str, Any]]) -> None:
    rows = []
    for node in nodes:
        agent = f"{node['agent']} {node['agent_version'] or '(not registered)'}"
        gate = node["approval"] or {}
        people = ", ".join(gate.get("groups", ())) or "anybody who may"
        asked = f"approval by {gate.get('quorum', 1)} of {people}"
        rows.append(
            (
                f"  {node['name']}",
                agent,
                ", ".join(node["needs"]),
                node["when"] or ("always" if node["run_if"] == "always" else ""),
                asked if node["approval_required"] else "",
            )
        )
    cli.out.print()
    cli.out.print(table(("  NODE", "AGENT", "AFTER", "WHEN", "GATE"), rows))


def _retired(item: dict[str, Any]) -> str:
    return f"retired {local(item['retired_at'])}" if item["retired_at"] else ""
