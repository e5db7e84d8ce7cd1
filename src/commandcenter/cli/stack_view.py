"""A stack on its way up or down: redrawn in a terminal, a line per change elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, glyph, one_line, speaks_unicode, state_text

_MIB = 1024**2
_GIB = 1024**3
_ASKED = frozenset({"starting", "healthy", "unhealthy"})


class StackView(Protocol):
    def update(self, found: dict[str, Any]) -> None: ...


@contextmanager
def stack_view(cli: Cli) -> Iterator[StackView]:
    """Give what shows a stack where progress is told."""
    target = cli.err if cli.json else cli.out
    if target.is_terminal and not target.is_dumb_terminal:
        with Live(console=target, auto_refresh=False, transient=False) as live:
            yield _Redrawn(cli, target, live)
    else:
        yield _Lines(cli, target)


class _Redrawn:
    def __init__(self, cli: Cli, target: Console, live: Live) -> None:
        self._cli = cli
        self._target = target
        self._live = live
        self._unicode = speaks_unicode(target)

    def update(self, found: dict[str, Any]) -> None:
        lines = [Text.assemble((found["project"], "bold"), "  ", state_text(found["state"]))]
        for service in found["services"]:
            line = Text.assemble(
                "  ",
                (f"{glyph(_state(service), unicode=self._unicode)} ", ""),
                (f"{service['name']}  ", "bold"),
                state_text(_state(service)),
            )
            words = self._cli.pasteable(_words(service))
            if words:
                line.append(f"  {one_line(words, 200)}", "dim")
            line.truncate(self._target.width, overflow="ellipsis")
            lines.append(line)
        self._live.update(Group(*lines), refresh=True)


class _Lines:
    def __init__(self, cli: Cli, target: Console) -> None:
        self._cli = cli
        self._target = target
        self._told: dict[str, str] = {}

    def update(self, found: dict[str, Any]) -> None:
        for service in found["services"]:
            # Numbers of what is pulled change all the time: a line for what is done will do.
            now = f"{_state(service)} {service['progress'].partition(': ')[0]}"
            if self._told.get(service["name"]) == now:
                continue
            self._told[service["name"]] = now
            words = self._cli.pasteable(_words(service))
            more = f": {one_line(words, 300)}" if words else ""
            self._target.print(Text(f"  {clean(service['name'])} {_state(service)}{more}"))


def _state(service: dict[str, Any]) -> str:
    """Return the state, or that it is not known: its runtime is away and cannot be asked."""
    was_well = service["state"] == "healthy" and not service["healthy"]
    return "unknown" if was_well else str(service["state"])


def _words(service: dict[str, Any]) -> str:
    """Return why it is so: the last answer of a service that is to end says nothing."""
    told = service["progress"] or service["message"]
    if not told and service["state"] in _ASKED:
        told = service["health_words"]
    return str(told)


def service_rows(services: Sequence[dict[str, Any]]) -> list[tuple[object, ...]]:
    """Return the rows of a status table."""
    return [
        (
            service["name"],
            state_text(_state(service)),
            one_line(_words(service), 60),
            _addresses(service),
            _limit(service["cpus"], _cores),
            _limit(service["memory_bytes"], _size),
            service["restarts"],
        )
        for service in services
    ]


def hardening_lines(cli: Cli, services: Sequence[dict[str, Any]]) -> Iterator[Text]:
    """Yield, by service, what was added to its definition and what had to be excepted."""
    for service in services:
        found = service["hardening"]
        if not found["added"] and not found["excepted"]:
            continue
        yield Text(f"\n{clean(service['name'])}", "bold")
        for added in found["added"]:
            yield Text(f"  + {clean(added)}", "green")
        for excepted in found["excepted"]:
            why = clean(cli.pasteable(excepted["why"]))
            yield Text(f"  ! {clean(excepted['what'])}: {why}", "yellow")


def _addresses(service: dict[str, Any]) -> Text:
    made = Text()
    for port in service["ports"]:
        if made.plain:
            made.append(" ")
        address = clean(port["address"])
        made.append(address, f"link {address}" if address.startswith("http") else "")
        if port["pending"] is not None:
            made.append(f" -> {port['pending']}")
    return made


def _limit(limit: dict[str, Any], words: Any) -> str:
    used, actual, asked = (limit[key] for key in ("used", "actual", "asked"))
    following = "" if limit["pending"] is None else f" -> {words(limit['pending'])}"
    if used is None and actual is None:
        return f"- / - / {words(asked)}{following}"
    in_force = words(actual) if actual is not None else "none"
    return f"{words(used)} / {in_force} / {words(asked)}{following}"


def _cores(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _size(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value / _GIB:.1f}G" if value >= _GIB else f"{value / _MIB:.0f}M"


# What is told of each limit that waits for a restart: its name, and how a value is written.
LIMITS: dict[str, tuple[str, Callable[[float | None], str]]] = {
    "cpus": ("CPU", _cores),
    "memory_bytes": ("memory", _size),
    "pids": ("processes", str),
}
