from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from commandcenter.engine.states import StepState


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How the step ended, as recorded. `state` is None when the run goes on at a later start."""

    state: StepState | None
    outputs: Mapping[str, Any] | None = None
    error: str | None = None  # why it failed, for people and for `nodes.NAME.error`
