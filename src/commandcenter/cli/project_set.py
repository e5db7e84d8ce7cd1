"""`commandcenter project set`: people's own limits, ports and runtime."""

import math
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.command import command
from commandcenter.cli.problems import NoSuchServiceError, UsageProblemError
from commandcenter.cli.project_stack import Name
from commandcenter.cli.session import Cli
from commandcenter.cli.stack_words import problem_lines, waiting
from commandcenter.cli.terminal import clean
from commandcenter.stacks.bounds import (
    LAST_PORT,
    LEAST_CPUS,
    LEAST_MEMORY_BYTES,
    MOST_CPUS,
    MOST_MEMORY_BYTES,
)

_LIMIT_NAMES = ("cpu", "memory", "pids")
_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}


def register(app: typer.Typer) -> None:
    """Add the command to `project`."""
    command(
        app,
        "set",
        examples=[
            "project set shop --memory backend=2g --cpus backend=1.5",
            "project set shop --port frontend=3000",
            "project set shop --memory backend= --port frontend=",
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
    """Change limits and ports of services, and their runtime; from the next start on.

    Without a value, as in --memory backend=, the definition's own or the default holds again.
    """
    limits: dict[str, dict[str, Any]] = {}
    ports: dict[str, dict[str, int | None]] = {}
    for service, value in _pairs("--cpus", cpus):
        limits.setdefault(service, {})["cpus"] = _cpus(service, value) if value else None
    for service, value in _pairs("--memory", memory):
        limits.setdefault(service, {})["memory_bytes"] = _bytes(service, value) if value else None
    found: dict[str, Any] | None = None
    for service, value in _pairs("--port", port):
        plain, _, inside = service.partition(":")
        if not inside:
            found = found or cli.client.get(f"/projects/{segment(name)}/status")
            inside = _only_port(found, plain, value)
        ports.setdefault(plain, {})[inside] = _port(service, value) if value else None
    if not limits and not ports and accept_unenforced is None and runtime is None:
        raise UsageProblemError("Nothing to change.", hint="See --help.")
    body: dict[str, Any] = {"limits": limits, "ports": ports}
    if accept_unenforced is not None:
        body["accept_unenforced"] = _limit_names(accept_unenforced)
    if runtime is not None:
        body["runtime"] = None if runtime == "default" else runtime
    changed = cli.client.patch(f"/projects/{segment(name)}/stack", body)

    def show() -> None:
        for warning in changed["warnings"]:
            cli.out.print(Text(f"Warning: {clean(cli.pasteable(warning))}", "yellow"))
        lines = list(waiting(cli, changed))
        if lines:
            cli.out.print(Text("Changed; it holds once it is restarted."))
            for line in lines:
                cli.out.print(Text(f"  {clean(line)}"))
            return
        if changed["problems"]:
            cli.out.print(Text("Changed; it holds from the next start on."))
            for line in problem_lines(cli, changed):
                cli.out.print(Text(clean(line)))
            return
        verb = "start" if changed["state"] == "stopped" else "restart"
        following = cli.command("project", verb, name)
        cli.out.print(Text(f"Changed; it holds from the next start on. Next: {following}"))

    cli.emit(changed, show)


def _pairs(option: str, given: list[str] | None) -> Iterable[tuple[str, str]]:
    """Yield service and value; "" takes back what was set before."""
    for pair in given or ():
        service, equals, value = pair.partition("=")
        if not service or not equals:
            raise UsageProblemError(
                f"{option} wants SERVICE=VALUE, not {pair!r}.",
                hint=f"{option} SERVICE= takes back what was set before.",
            )
        yield service, value


def _number(value: str) -> float:
    """Return the number; one that is none in no range."""
    try:
        return float(value)
    except ValueError:
        return math.nan


def _cpus(service: str, value: str) -> float:
    cpus = _number(value)
    if not LEAST_CPUS <= cpus <= MOST_CPUS:
        raise UsageProblemError(
            f"--cpus {service}={value}: it wants a number of cores from {LEAST_CPUS} to "
            f"{MOST_CPUS:.0f}, such as 1.5."
        )
    return cpus


def _bytes(service: str, value: str) -> int:
    text = value.lower().removesuffix("b").removesuffix("i")
    unit = _UNITS.get(text[-1:], 1)
    size = _number(text[:-1] if text[-1:] in _UNITS else text) * unit
    if not LEAST_MEMORY_BYTES <= size <= MOST_MEMORY_BYTES:
        raise UsageProblemError(
            f"--memory {service}={value}: it wants a size from "
            f"{LEAST_MEMORY_BYTES // _UNITS['m']}m to {MOST_MEMORY_BYTES // _UNITS['g']}g, "
            "such as 512m or 2g."
        )
    return int(size)


def _port(service: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= LAST_PORT:
        raise UsageProblemError(
            f"--port {service}={value}: it wants a port of this machine from 1 to {LAST_PORT}, "
            "such as 3000."
        )
    return int(value)


def _limit_names(given: str) -> list[str]:
    names = [each.strip() for each in given.split(",")]
    if names == ["none"]:
        return []
    for each in names:
        if each not in _LIMIT_NAMES:
            raise UsageProblemError(
                f"--accept-unenforced {given}: {each or 'nothing'} is no limit.",
                hint=f"Its limits: {', '.join(_LIMIT_NAMES)}, separated by commas; or none.",
            )
    return names


def _only_port(found: dict[str, Any], service: str, value: str) -> str:
    for each in found["services"]:
        if each["name"] != service:
            continue
        ports = [port["service_port"] for port in each["ports"]]
        if len(ports) == 1:
            return str(ports[0])
        if not ports:
            raise UsageProblemError(
                f"It is not known yet which port of {service} leads to this machine.",
                hint=f"Name its own port, as --port {service}:8000={value}; a compose file "
                "publishes it under ports.",
            )
        named = " or ".join(f"--port {service}:{port}={value}" for port in ports)
        raise UsageProblemError(f"{service} has more ports than one.", hint=f"Say which: {named}")
    if not found["services"] and found["reason"]:
        raise UsageProblemError(
            f"Which services there are is not known: {found['reason']}",
            hint="Mend that first; then this can be set.",
        )
    raise NoSuchServiceError(service, found)
