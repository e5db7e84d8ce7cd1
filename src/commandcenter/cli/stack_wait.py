"""Waiting until a stack is as wanted, or has come to nothing."""

import functools
import time
from collections.abc import Callable
from typing import Any

from rich.text import Text

from commandcenter.cli.client import segment
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.patient_hub import PatientHub
from commandcenter.cli.session import Cli
from commandcenter.cli.stack_view import StackView, stack_view
from commandcenter.cli.stack_words import failures, remarks, waiting
from commandcenter.cli.terminal import clean, print_json

TIMEOUT_SECONDS = 600.0
LOOK_SECONDS = 0.1
_STOPPED_SECONDS = 2.0  # one that is stopped for so long is not about to be started
_FAILING_SECONDS = 1.0  # how long others may take to fail after the first
_STATES = {
    "error": "has services that failed",
    "running": "runs, but not every service is healthy",
    "starting": "is still being started",
    "stopping": "is still being stopped",
    "stopped": "is stopped",
}
_UNDER_WAY = {"running": "started", "stopped": "stopped"}
Command = Callable[..., ExitCode]
_OVER = frozenset({"running", "stopped", "error"})


def interruptible(undo: str | None) -> Callable[[Command], Command]:
    """Have Ctrl-C end a command on the stack `name` alone, and say so; at any moment of it.

    `undo` is the command of `project` that ends what goes on, if there is one.
    """

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def call(cli: Cli, **given: Any) -> ExitCode:
            try:
                return function(cli, **given)
            except KeyboardInterrupt:
                return detached(cli, given["name"], undo)

        return call

    return decorate


def detached(cli: Cli, name: str, undo: str | None) -> ExitCode:
    """Say that the hub goes on, how to look, and how to end it."""
    cli.err.print(Text("\nDetached; what the hub was asked for goes on there."))
    cli.err.print(Text(f"  How it is: {cli.command('project', 'status', name)}"))
    if undo is not None:
        cli.err.print(Text(f"  To end it: {cli.command('project', undo, name)}"))
    return ExitCode.INTERRUPTED


def until(
    cli: Cli,
    answer: dict[str, Any],
    *,
    wait: bool,
    timeout: float,
    wanted: str,
    newer: dict[str, int] | None = None,
    only: frozenset[str] | None = None,
) -> ExitCode:
    """Show the stack until it is as wanted, or cannot be; over restarts of the hub, too.

    `only`: whatever becomes of all services but these.
    """
    found = answer
    if wait:
        with stack_view(cli) as view:
            found = _watched(cli, answer, view, timeout, wanted, newer or {}, only)
    if cli.json:
        print_json(found)
    found = narrowed(found, only)
    if not cli.json:
        _conclude(cli, found, wanted, only, wait=wait)
    if not wait or found["state"] == wanted:
        return ExitCode.OK
    return ExitCode.FAILED if found["state"] in _OVER else ExitCode.TIMED_OUT


def _watched(
    cli: Cli,
    found: dict[str, Any],
    view: StackView,
    timeout: float,
    wanted: str,
    newer: dict[str, int],
    only: frozenset[str] | None,
) -> dict[str, Any]:
    """Return the stack's last status."""
    path = f"/projects/{segment(found['project_id'])}/status"
    hub = PatientHub(cli)
    deadline = time.monotonic() + timeout
    failed: list[str] = []
    failed_at = 0.0
    noted = noted_away = False
    wanted_at = time.monotonic()  # when it was last seen on the way to what is wanted
    while time.monotonic() < deadline:
        view.update(found)
        if wanted == "stopped" or found["state"] != "stopped":
            wanted_at = time.monotonic()
        elif time.monotonic() - wanted_at > _STOPPED_SECONDS:
            cli.note(f"Somebody stopped {clean(found['project'])} meanwhile.")
            break
        looked_at = narrowed(found, only)
        if is_over(looked_at, wanted, newer):
            if looked_at["state"] != "error":
                break
            # What fails beside it is told as well.
            now = [each["name"] for each in looked_at["services"] if each["state"] == "failed"]
            if now != failed:
                failed, failed_at = now, time.monotonic()
            elif time.monotonic() - failed_at > _FAILING_SECONDS:
                break
        elif wanted == "running" and not noted and (words := still_awaited(looked_at)):
            noted = True
            cli.note(words)
        if not noted_away and waits_for_engine(found):
            noted_away = True
            cli.note("The container engine does not answer; it is waited for. Ctrl-C is safe.")
        time.sleep(LOOK_SECONDS)
        found = hub.get(path) or found
    view.update(found)
    return found


def restarted_with(found: dict[str, Any], service: str) -> frozenset[str]:
    """Return the service and those that are restarted with it, by the answer to the request.

    They are being ended as well, or wait to be started; nothing else does in a stack that is up.
    """
    return frozenset(
        each["name"]
        for each in found["services"]
        if each["name"] == service
        or each["state"] == "stopping"
        or (each["state"] == "pending" and not each["message"])
    )


def narrowed(found: dict[str, Any], only: frozenset[str] | None) -> dict[str, Any]:
    """Return the status as it would be if the stack had only these services."""
    if only is None:
        return found
    services = [each for each in found["services"] if each["name"] in only]
    is_well = all(each["healthy"] for each in services)
    state = found["state"]
    if state in {"starting", "running", "error"}:
        has_failed = any(each["state"] == "failed" for each in services)
        state = "error" if has_failed else "running" if is_well else "starting"
    return {**found, "services": services, "state": state, "overall_healthy": is_well}


def is_over(found: dict[str, Any], wanted: str, newer: dict[str, int]) -> bool:
    """Whether the stack is as wanted, or will not be by itself."""
    state = found["state"]
    if wanted == "stopped":
        return bool(state == "stopped")
    later = all(
        each["attempt"] > newer[each["name"]] for each in found["services"] if each["name"] in newer
    )
    if state == "running":
        return later and bool(found["overall_healthy"])
    if state == "stopped":
        return bool(found["reason"])
    return bool(state == "error") and not _settling(found)


def _settling(found: dict[str, Any]) -> list[str]:
    """Return the services of which it is not known yet what becomes of them."""
    return [
        each["name"]
        for each in found["services"]
        if each["state"] in {"starting", "restarting", "stopping"}
        # One that waits for a failed one says so, and will not go on by itself.
        or (each["state"] == "pending" and not each["message"])
    ]


def waits_for_engine(found: dict[str, Any]) -> bool:
    """Whether nothing goes on before the container engine is there again."""
    return any(
        each[told].startswith("The container engine ") and "does not answer" in each[told]
        for each in found["services"]
        if not each["healthy"] and each["state"] not in {"failed", "stopped"}
        for told in ("progress", "message", "health_words")
    )


def still_awaited(found: dict[str, Any]) -> str:
    """Say what failed already, and what is waited for all the same; "" if nothing failed."""
    failed = [each["name"] for each in found["services"] if each["state"] == "failed"]
    settling = _settling(found)
    if not failed or not settling:
        return ""
    return (
        f"{clean(', '.join(failed))} failed. Waiting for what becomes of "
        f"{clean(', '.join(settling))}; Ctrl-C is safe."
    )


def already(found: dict[str, Any], wanted: str) -> str:
    """Say of a stack for which nothing had to be done that it is, or is about to be, as wanted."""
    words = wanted if found["state"] == wanted else f"being {_UNDER_WAY[wanted]}"
    return f"{clean(found['project'])} is {words} already."


def _conclude(
    cli: Cli,
    found: dict[str, Any],
    wanted: str,
    only: frozenset[str] | None = None,
    *,
    wait: bool = True,
) -> None:
    name = clean(found["project"])
    names = clean(", ".join(each["name"] for each in found["services"]))
    if not wait and found["state"] != wanted:
        # What failed before is stopped first: its state tells nothing of what is to come.
        begun = f"{name} is being {_UNDER_WAY[wanted]}."
        cli.out.print(Text(begun if only is None else f"Being restarted in {name}: {names}."))
        cli.out.print(Text(f"  How it is: {cli.command('project', 'status', found['project'])}"))
        return
    if found["state"] == wanted == "running":
        well = f"{name} is up: every service is healthy."
        if only is not None:
            well = f"Restarted and healthy in {name}: {names}."
        cli.out.print(Text(well, "green"))
        for service in found["services"]:
            for port in service["ports"]:
                cli.out.print(Text(f"  {clean(service['name'])}: {port['address']}"))
        for line in remarks(cli, found):
            cli.out.print(Text(f"  {clean(line)}", "dim"))
        for line in waiting(cli, found):
            cli.out.print(Text(f"  {clean(line)}", "yellow"))
        return
    if found["state"] == wanted:
        cli.out.print(Text(f"{name} is {wanted}."))
        return
    cli.out.print(Text(f"{name} {_STATES.get(found['state'], found['state'])}.", "bold red"))
    failed = list(failures(cli, found))
    for line in failed:
        cli.out.print(Text(f"  {clean(line)}"))
    if found["reason"] and not failed:
        cli.out.print(Text(f"  {clean(cli.pasteable(found['reason']))}"))
    for service in found["services"] if failed else ():
        if service["state"] != "failed":
            message = clean(cli.pasteable(service["message"]))
            why = f": {message}" if message else "."
            cli.out.print(Text(f"  {clean(service['name'])} is {service['state']}{why}", "dim"))
