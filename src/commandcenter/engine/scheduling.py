"""The heart of the scheduler: a plan and the states of its steps in, the next actions out.

Pure and deterministic: the same states give the same actions in the same order, in which order
the steps got there does not matter, and applying the actions and asking again gives none of them
twice.

When a node runs, once all its needs have ended:
- `run_if: success` (the default): no need failed, was cancelled, or was skipped because of such
  a one. A need skipped by its own `when` (or a `run_if: failure` that had nothing to do) holds
  nobody back.
- `run_if: failure`: at least one need did.
- `run_if: always`: in any case, unless the whole run is being cancelled.
Then its `when` is asked: false skips the node, an error fails it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from commandcenter.engine.conditions import ConditionError, compile_condition, evaluate
from commandcenter.engine.context import RunFacts, StepView, build_context
from commandcenter.engine.definition import NodeDefinition, RetryPolicy, RunIf
from commandcenter.engine.issues import quoted
from commandcenter.engine.plan import Plan
from commandcenter.engine.states import RunResult, StepState


class SkipReason(StrEnum):
    NEED_FAILED = "need_failed"
    NOTHING_FAILED = "nothing_failed"
    CONDITION_FALSE = "condition_false"


@dataclass(frozen=True, slots=True)
class Start:
    """The node is ready: resolve its templates, then gate and queue it."""

    node: str


@dataclass(frozen=True, slots=True)
class Skip:
    """Record the step as skipped, with `neutral` in its `StepView`."""

    node: str
    reason: SkipReason
    detail: str

    @property
    def neutral(self) -> bool:
        return self.reason is not SkipReason.NEED_FAILED


@dataclass(frozen=True, slots=True)
class Fail:
    """Record the step as failed before any attempt: its condition has no answer."""

    node: str
    error: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop whatever the step does and record it as cancelled."""

    node: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Every step has ended: so does the run."""

    result: RunResult


Action = Start | Skip | Fail | Cancel | Finish


def next_actions(
    plan: Plan,
    steps: Mapping[str, StepView],
    *,
    inputs: Mapping[str, object],
    run: RunFacts,
    cancelling: bool = False,
) -> list[Action]:
    """Return what to do now, in topological order; `Finish` comes alone, when all have ended.

    A node that is missing in `steps` is pending. A skip or failure decided here is taken into
    account for the nodes after it, so one call goes as far as it can. `cancelling` cancels every
    step that has not ended. Takes time linear in the plan, conditions aside.
    """
    view = dict(steps)
    actions: list[Action] = []
    for name in plan.order:
        step = view.get(name, StepView())
        if step.state.is_final:
            continue
        if cancelling:
            actions.append(Cancel(name))
            continue
        if step.state is not StepState.PENDING:
            continue
        action = _decision(plan, plan.nodes[name], view, inputs, run)
        if action is None:
            continue
        actions.append(action)
        if isinstance(action, Skip):
            view[name] = StepView(StepState.SKIPPED, neutral=action.neutral)
        elif isinstance(action, Fail):
            view[name] = StepView(StepState.FAILED, error=action.error)
    if actions:
        return actions
    result = run_result(plan, view)
    return [Finish(result)] if result is not None else []


def run_result(plan: Plan, steps: Mapping[str, StepView]) -> RunResult | None:
    """Return how the run ended, None if a step has not. One failed step fails the run."""
    states = {steps.get(name, StepView()).state for name in plan.order}
    if not all(state.is_final for state in states):
        return None
    if StepState.FAILED in states:
        return RunResult.FAILED
    if StepState.CANCELLED in states:
        return RunResult.CANCELLED
    return RunResult.SUCCEEDED


def retry_delay(policy: RetryPolicy, attempt_number: int, random_unit: float) -> float | None:
    """Return the seconds to wait after the failed attempt (from 1); None if it was the last.

    The wait grows by the factor up to the policy's cap; with jitter it is that times
    `random_unit`, a number from 0 to 1 the caller drew and recorded ("full jitter").
    """
    if attempt_number < 1:
        raise ValueError("attempts are numbered from 1")
    if attempt_number > policy.max:
        return None
    wait = policy.backoff_max_seconds
    try:
        grown = policy.backoff_seconds * policy.backoff_factor ** (attempt_number - 1)
        wait = min(grown, wait)
    except OverflowError:
        pass  # far beyond the cap
    return wait * random_unit if policy.jitter else wait


def _decision(  # noqa: PLR0911 - one per outcome
    plan: Plan,
    node: NodeDefinition,
    view: Mapping[str, StepView],
    inputs: Mapping[str, object],
    run: RunFacts,
) -> Start | Skip | Fail | None:
    needs = [(need, view.get(need, StepView())) for need in node.needs]
    if not all(step.state.is_final for _, step in needs):
        return None
    bad = [f"{need} {_told(step)}" for need, step in needs if _holds_back(step)]
    if bad and node.run_if is RunIf.SUCCESS:
        return Skip(node.name, SkipReason.NEED_FAILED, ", ".join(bad))
    if not bad and node.run_if is RunIf.FAILURE:
        return Skip(node.name, SkipReason.NOTHING_FAILED, "none of its needs failed")
    if node.when is None:
        return Start(node.name)
    try:
        holds = evaluate(
            compile_condition(node.when), build_context(plan, node.name, view, inputs, run)
        )
    except ConditionError as error:
        return Fail(node.name, error.detail)
    if holds:
        return Start(node.name)
    return Skip(
        node.name, SkipReason.CONDITION_FALSE, f"the condition {quoted(node.when)} is false"
    )


def _holds_back(step: StepView) -> bool:
    return step.state in (StepState.FAILED, StepState.CANCELLED) or (
        step.state is StepState.SKIPPED and not step.neutral
    )


def _told(step: StepView) -> str:
    return "failed" if step.state is StepState.FAILED else f"was {step.state}"
