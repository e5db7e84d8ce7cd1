"""One SARIF 2.1.0 file from those a run's steps left, and how grave what it says is."""

import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

from commandcenter.cli.client import HubClient, segment
from commandcenter.cli.problems import UsageProblemError

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_VERSION = "2.1.0"
_MAX_ARTIFACTS = 10_000
# SARIF's own default for a result that names no level, nor has a rule that does.
_DEFAULT_LEVEL = "warning"


class FailOn(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"


_FAILING_LEVELS = {
    FailOn.CRITICAL: frozenset({"error"}),
    FailOn.WARNING: frozenset({"error", "warning"}),
}


def collect(client: HubClient, run: dict[str, Any]) -> dict[str, Any]:
    """Return the merged log of all `*.sarif` artifacts of a run; one without runs if none."""
    parts = []
    path = f"/runs/{segment(run['id'])}/artifacts"
    for item in client.pages(path, limit=_MAX_ARTIFACTS):
        if item["name"].endswith(".sarif"):
            text = client.text(f"/artifacts/{segment(item['id'])}/content", accept="*/*")
            category = f"{run['workflow_name']}/{item['node']}/{item['name']}"
            parts.append((category, text))
    return merge(parts)


def merge(parts: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Merge SARIF texts, each with a category that keeps its runs apart at code hosts."""
    runs: list[dict[str, Any]] = []
    for category, text in parts:
        try:
            document = json.loads(text)
        except ValueError as error:
            raise UsageProblemError(
                f"The artifact {category} is not JSON, though its name says SARIF: {error}.",
                hint="The agent that wrote it has to be mended.",
            ) from error
        found = document.get("runs") if isinstance(document, dict) else None
        for index, part in enumerate(found if isinstance(found, list) else ()):
            name = category if index == 0 else f"{category}/{index}"
            runs.append({"automationDetails": {"id": f"{name}/"}, **part})
    return {"$schema": _SCHEMA, "version": _VERSION, "runs": runs}


def failing(document: dict[str, Any], threshold: FailOn) -> int:
    """Count the results that reach the threshold; suppressed ones do not count."""
    levels = _FAILING_LEVELS[threshold]
    return sum(
        1
        for run in document["runs"]
        for result in run.get("results") or ()
        if not result.get("suppressions") and _level(run, result) in levels
    )


def write(document: dict[str, Any], path: Path) -> None:
    """Write the log; complete or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(f"{json.dumps(document, indent=1)}\n")
        temporary.replace(path)
    except OSError as error:
        raise UsageProblemError(
            f"The SARIF file {path} cannot be written: {error.strerror}.",
            hint="Name a file in a folder that is there.",
        ) from error


def _level(run: dict[str, Any], result: dict[str, Any]) -> str:
    if "level" in result:
        return str(result["level"])
    index = result.get("ruleIndex")
    rules = run.get("tool", {}).get("driver", {}).get("rules") or []
    if isinstance(index, int) and 0 <= index < len(rules):
        configured = rules[index].get("defaultConfiguration", {}).get("level")
        return str(configured or _DEFAULT_LEVEL)
    return _DEFAULT_LEVEL
