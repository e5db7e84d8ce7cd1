"""`commandcenter agents`: the programs that do the steps."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.command import command, default, noun
from commandcenter.cli.durations import local, size
from commandcenter.cli.options import Limit
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, facts, table

app = noun("Programs that do the steps.")

Agent = Annotated[str, typer.Argument(metavar="AGENT", help="Its name, name@version or id.")]


@default(app, examples=["agents", "agents show patcher", "agents register ./my-agent"])
def agents(cli: Cli) -> None:
    """The programs that do the steps. Alone it lists them."""
    list_agents(cli)


@command(app, "list", examples=["agents list", "agents list --retired --json"])
def list_agents(
    cli: Cli,
    *,
    retired: Annotated[bool, typer.Option("--retired", help="Retired ones, too.")] = False,
    limit: Limit = 200,
) -> None:
    """List the current revision of each agent."""
    items = list(cli.client.pages("/agents", limit=limit, retired=retired or None))
    rows = [
        (item["name"], item["version"], item["type"], item["risk"], item["description"])
        for item in items
    ]
    headings = ("NAME", "VERSION", "TYPE", "RISK", "WHAT")
    cli.emit(items, lambda: cli.out.print(table(headings, rows)))


@command(app, "show", examples=["agents show patcher", "agents show patcher@1.0.0 --json"])
def show_agent(cli: Cli, agent: Agent) -> None:
    """Show an agent: what it does, needs and may, its inputs and outputs."""
    found = cli.client.get(f"/agents/{segment(agent)}")
    manifest = found["manifest"]

    def show() -> None:
        cli.out.print(
            facts(
                (
                    ("Agent", f"{found['name']}@{found['version']}"),
                    ("What", found["description"]),
                    ("Type", found["type"]),
                    ("Risk", found["risk"]),
                    ("Capabilities", ", ".join(found["capabilities"])),
                    ("Command", " ".join(manifest.get("command") or ())),
                    ("Workspace", manifest.get("workspace")),
                    ("Network", _network(manifest)),
                    ("Secrets", ", ".join(item["name"] for item in manifest.get("secrets", ()))),
                    ("Checked first", "before an approval" if manifest.get("check") else None),
                    ("Limits", _limits(manifest.get("limits") or {})),
                    ("Revision", f"{found['revision']}, {local(found['registered_at'])}"),
                    ("Digest", found["digest"]),
                    ("Retired", local(found["retired_at"])),
                )
            )
        )
        for title in ("inputs", "outputs"):
            _show_schema(cli, title, manifest.get(title) or {})

    cli.emit(found, show)


@command(app, "register", examples=["agents register ./my-agent"])
def register(
    cli: Cli,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder with an agent.yaml.")],
) -> None:
    """Register the agent in a folder of the hub's machine. The same content again is no change."""
    body = {"folder": str(folder.expanduser().absolute())}
    found = cli.client.post("/agents", body)

    def show() -> None:
        words = f"Agent {found['name']}@{found['version']}, revision {found['revision']}."
        cli.out.print(Text(clean(words)))
        for warning in found["warnings"]:
            cli.err.print(Text(f"  Warning: {clean(warning)}", "yellow"))

    cli.emit(found, show)


@command(app, "retire", examples=["agents retire my-agent", "agents retire my-agent@1.0.0"])
def retire(cli: Cli, agent: Agent) -> None:
    """Keep new runs from using an agent, or one version of it. Past runs still show it."""
    found = cli.client.delete(f"/agents/{segment(agent)}")
    words = f"Retired {found['name']}@{found['version']}."
    cli.emit(found, lambda: cli.out.print(Text(clean(words))))


def _network(manifest: dict[str, Any]) -> str:
    allowed = (manifest.get("network") or {}).get("allow") or ()
    return ", ".join(allowed) or "none"


def _limits(limits: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {_amount(str(value))}" for name, value in limits.items() if value is not None
    )


def _amount(value: str) -> str:
    """Return a size that is a whole number of bytes in the unit people would use."""
    count = value.removesuffix("B")
    return size(int(count)) if value.endswith("B") and count.isdecimal() else value


def _show_schema(cli: Cli, title: str, schema: dict[str, Any]) -> None:
    properties: dict[str, Any] = schema.get("properties") or {}
    if not properties:
        return
    required = set(schema.get("required") or ())
    rows = [
        (
            f"  {name}",
            _type(item),
            "required" if name in required else "",
            item.get("description", "") if isinstance(item, dict) else "",
        )
        for name, item in properties.items()
    ]
    cli.out.print()
    cli.out.print(table((f"  {title.upper()}", "TYPE", "", ""), rows))


def _type(schema: Any) -> str:
    if not isinstance(schema, dict):
        return ""
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(str(item) for item in kind)
    return str(
        kind or ("one of " + ", ".join(map(str, schema["enum"])) if "enum" in schema else "")
    )
