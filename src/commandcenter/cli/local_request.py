"""What a local run is asked to do; apart from it, so that nothing heavy is loaded to ask."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class LocalRequest:
    """`approve`: the nodes whose gates may open without a person."""

    workflow: str
    path: Path
    inputs: dict[str, Any]
    approve: frozenset[str]
    timeout_seconds: float | None
    runtime: str | None
