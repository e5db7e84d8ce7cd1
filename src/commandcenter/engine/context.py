"""What templates and conditions can refer to, built from the facts of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from commandcenter.engine.plan import Plan
from commandcenter.engine.states import StepState

ROOTS: Final = ("inputs", "nodes", "run", "trigger")
NODE_FIELDS: Final = ("outputs", "state", "error")
RUN_FIELDS: Final = ("id", "workflow", "version", "project", "started_at", "started_by")
TRIGGER_FIELDS: Final = ("kind", "payload")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What `run` and `trigger` say. Recorded once when the run starts, so that replays agree."""

    id: str
    workflow: str
    version: int = 1
    project: str | None = None
    started_at: str | None = None  # RFC 3339, UTC
    started_by: str | None = None
    trigger_kind: str = "manual"
    trigger_payload: Any = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepView:
    """What the scheduler knows of a step.

    `neutral` is set with `skipped` from the `Skip` action: such a step holds nobody back.
    `outputs` are those of the attempt that succeeded; `error` is for people, without secrets.
    """

    state: StepState = StepState.PENDING
    outputs: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    neutral: bool = False


def build_context(
    plan: Plan,
    node: str | None,
    steps: Mapping[str, StepView],
    inputs: Mapping[str, Any],
    run: RunFacts,
) -> dict[str, Any]:
    """Return the context of a node: only what is upstream of it, so that replays agree.

    With `node=None` (the workflow's own outputs) every node is there.
    """
    visible = plan.order if node is None else sorted(plan.upstream(node))
    return {
        "inputs": inputs,
        "nodes": {name: _seen(steps.get(name, StepView())) for name in visible},
        "run": {name: getattr(run, name) for name in RUN_FIELDS},
        "trigger": {"kind": run.trigger_kind, "payload": run.trigger_payload},
    }


def _seen(step: StepView) -> dict[str, Any]:
    return {"outputs": step.outputs, "state": step.state.value, "error": step.error}
