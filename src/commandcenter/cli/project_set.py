"""`commandcenter project set`: people's own limits, ports and runtime."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.command import command
from commandcenter.cli.problems import UsageProblemError
from commandcenter.cli.project_stack import Name
from commandcenter.cli.session import Cli

_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}


def register(app: typer.Typer) -> None:
    """Add the command to `project`."""
    command(
        app,
        "set",
        examples=[
            "project set shop --memory backend=2g --cpus backend=1.5",
            "project set shop --port frontend=3000",
            "project set shop --accept-unenforced cpu,memory",
            "project set shop --runtime docker",
        ],
    )(set_wishes)


def set_wishes(
    cli: Cli,
    name: Name,
    *,
    cpus: Annotated[
        list[str] | None, typer.Option("--cpus", metavar="SERVICE=CORES", help="Limit of CPU.")
    ] = None,
    memory: Annotated[
        list[str] | None,
        typer.Option("--memory", metavar="SERVICE=SIZE", help="Limit of memory: 512m, 2g."),
    ] = None,
    port: Annotated[
        list[str] | None,
        typer.Option(
            "--port",
            metavar="SERVICE[:PORT]=PORT",
            help="The port of this machine that leads to the service (and which of its own).",
        ),
    ] = None,
    accept_unenforced: Annotated[
        str | None,
        typer.Option(
            "--accept-unenforced",
            metavar="LIMITS",
            help="Run without these limits where the machine cannot enforce them: cpu, memory, "
            "pids, separated by commas; none takes it back.",
        ),
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option(
            "--runtime",
            metavar="RUNTIME",
            help="On which they run: docker, sandbox; default: the hub's.",
        ),
    ] = None,
) -> None:
    """Change limits and ports of services, and their runtime; from the next start on."""
    limits: dict[str, dict[str, Any]] = {}
    ports: dict[str, dict[str, int]] = {}
    for service, value in _pairs("--cpus", cpus):
        limits.setdefault(service, {})["cpus"] = _number("--cpus", value)
    for service, value in _pairs("--memory", memory):
        limits.setdefault(service, {})["memory_bytes"] = _bytes(value)
    found: dict[str, Any] | None = None
    for service, value in _pairs("--port", port):
        plain, _, inside = service.partition(":")
        if not inside:
            found = found or cli.client.get(f"/projects/{segment(name)}/status")
            inside = _only_port(found, plain)
        ports.setdefault(plain, {})[inside] = int(_number("--port", value))
    if not limits and not ports and accept_unenforced is None and runtime is None:
        raise UsageProblemError("Nothing to change.", hint="See --help.")
    body: dict[str, Any] = {"limits": limits, "ports": ports}
    if accept_unenforced is not None:
        names = [each.strip() for each in accept_unenforced.split(",")]
        body["accept_unenforced"] = [] if names == ["none"] else names
    if runtime is not None:
        body["runtime"] = None if runtime == "default" else runtime
    changed = cli.client.patch(f"/projects/{segment(name)}/stack", body)

    def show() -> None:
        restarting = cli.command("project", "restart", name)
        hint = f" Next: {restarting}" if changed["state"] != "stopped" else ""
        cli.out.print(Text(f"Changed; it holds from the next start on.{hint}"))

    cli.emit(changed, show)


def _pairs(option: str, given: list[str] | None) -> Iterable[tuple[str, str]]:
    for pair in given or ():
        service, equals, value = pair.partition("=")
        if not service or not equals or not value:
            raise UsageProblemError(f"{option} wants SERVICE=VALUE, not {pair!r}.")
        yield service, value


def _number(option: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageProblemError(f"{option}: {value!r} is no number.") from None


def _bytes(value: str) -> int:
    text = value.lower().removesuffix("b").removesuffix("i")
    unit = _UNITS.get(text[-1:], 1)
    number = text[:-1] if text[-1:] in _UNITS else text
    return int(_number("--memory", number) * unit)


def _only_port(found: dict[str, Any], service: str) -> str:
    for each in found["services"]:
        ports = {port["service_port"] for port in each["ports"]}
        if each["name"] == service and len(ports) == 1:
            return str(ports.pop())
    raise UsageProblemError(
        f"Which port of {service}?", hint=f"Name it: --port {service}:8000=8080"
    )
