"""What is said of a stack besides its table: remarks, what waits, what failed, what to do next."""

from collections.abc import Iterator
from typing import Any

from commandcenter.cli.client import segment
from commandcenter.cli.session import Cli
from commandcenter.cli.show_problem import problem_words
from commandcenter.cli.stack_view import LIMITS


def definition_words(source: dict[str, Any]) -> str | None:
    if not source:
        return None
    if source["kind"] == "default":
        return "the default stack, as the folder has no compose file"
    return f"a compose file, {' with '.join(source['files'])}"


def runtime_words(found: dict[str, Any]) -> str:
    present, following = found["runtime"], found["next_runtime"]
    if found["state"] == "stopped" or present is None:
        return str(following)
    return str(present) if present == following else f"{present}; {following} from the next start"


def remarks(cli: Cli, found: dict[str, Any]) -> Iterator[str]:
    """Yield what people should know of a stack besides its states."""
    for service in found["services"]:
        if service["runs_as"]:
            yield f"{service['name']} {service['runs_as']}"
    for service in found["services"]:
        if service["message"] and service["state"] != "failed":
            yield f"{service['name']}: {cli.pasteable(service['message'])}"
    for left in found["source"].get("left_out", ()):
        yield f"{left['service']} is left out: {left['reason']}"
    for note in found["source"].get("notes", ()):
        yield f"note: {cli.pasteable(note)}"


def waiting(cli: Cli, found: dict[str, Any]) -> Iterator[str]:
    """Yield which changes wait for a restart, each with the command that makes them hold."""
    project = found["project"]
    whole = cli.command("project", "restart", project)
    for service in found["services"]:
        name = service["name"]
        limits = ", ".join(
            f"{what} {words(service[key]['asked'])} -> {words(service[key]['pending'])}"
            for key, (what, words) in LIMITS.items()
            if service[key]["pending"] is not None
        )
        if limits:
            alone = cli.command("project", "restart", project, name)
            yield f"{name}: {limits} at its next restart. Next: {alone}"
        for port in service["ports"]:
            if port["pending"] is not None:
                change = f"port {port['host_port']} -> {port['pending']}"
                yield f"{name}: {change} at the next restart of the whole stack. Next: {whole}"
    if found["state"] != "stopped" and found["runtime"] not in {None, found["next_runtime"]}:
        change = f"runtime {found['runtime']} -> {found['next_runtime']}"
        yield f"{change} at the next restart of the whole stack. Next: {whole}"


def failures(cli: Cli, found: dict[str, Any]) -> Iterator[str]:
    """Yield each service that was given up: why, where its log is, and how it is started again."""
    for service in found["services"]:
        if service["state"] != "failed":
            continue
        project, name = found["project"], service["name"]
        yield f"{name} failed: {cli.pasteable(service['message'])}"
        yield f"  Its log: {cli.command('project', 'logs', project, name)}"
        yield f"  Next: {cli.command('project', 'restart', project, name)}"


def problem_lines(cli: Cli, found: dict[str, Any]) -> Iterator[str]:
    """Yield what stands against a start, each problem on its own, and what to do then."""
    if not found["problems"]:
        return
    yield "It cannot be started as it is:"
    for problem in found["problems"]:
        yield f"  {cli.pasteable(problem_words(problem))}"
    start = cli.command("project", "start", found["project"])
    yield f"Next: mend what is named above, then: {start}"


def found_lines(cli: Cli, name: str) -> Iterator[str]:
    """Yield what the project's folder brings, or what stands against it, and what is next."""
    found = cli.client.get(f"/projects/{segment(name)}/status")
    if found["source"]:
        yield f"Found: {definition_words(found['source'])}"
    for service in found["services"]:
        addresses = ", ".join(port["address"] for port in service["ports"])
        yield f"  {service['name']}  {addresses}".rstrip()
    for left in found["source"].get("left_out", ()):
        yield f"{left['service']} is left out: {left['reason']}"
    alone = ", ".join(found["source"].get("without_restart", ()))
    if alone:
        yield f"Without a restart policy, so not started again when they end: {alone}."
    if found["problems"]:
        yield from problem_lines(cli, found)
    elif found["reason"]:
        yield f"It cannot be started as it is: {cli.pasteable(found['reason'])}"
    else:
        yield f"Next: {cli.command('project', 'start', name)}"
