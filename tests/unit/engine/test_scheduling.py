from typing import Any

import pytest

from commandcenter.engine.context import RunFacts, StepView
from commandcenter.engine.definition import RetryPolicy, WorkflowDefinition
from commandcenter.engine.parse import parse_workflow
from commandcenter.engine.plan import Plan, plan
from commandcenter.engine.scheduling import (
    Action,
    Cancel,
    Fail,
    Finish,
    Skip,
    SkipReason,
    Start,
    next_actions,
    retry_delay,
)
from commandcenter.engine.states import RunResult, StepState

S = StepState
DONE = StepView(S.SUCCEEDED)
FAILED = StepView(S.FAILED, error="exit code 1")


def planned(nodes: str) -> Plan:
    return plan(parse_workflow(f"name: x\ninputs: {{n: {{type: integer}}}}\nnodes:\n{nodes}"))


def actions(of: Plan, cancelling: bool = False, n: int = 1, **steps: StepView) -> list[Action]:  # noqa: FBT001, FBT002 - short in tests
    run = RunFacts(id="run_1", workflow="x")
    return next_actions(of, steps, inputs={"n": n}, run=run, cancelling=cancelling)


def test_fix_is_skipped_on_a_good_score_and_tell_runs_always(
    review_and_patch: WorkflowDefinition,
) -> None:
    the_plan = plan(review_and_patch)
    assert actions(the_plan) == [Start("scan")]
    assert actions(the_plan, scan=DONE) == [Start("review")]
    reviewed = StepView(S.SUCCEEDED, outputs={"score": 80})
    skip = Skip(
        "fix",
        SkipReason.CONDITION_FALSE,
        'the condition "nodes.review.outputs.score < 80" is false',
    )
    assert actions(the_plan, scan=DONE, review=reviewed) == [skip, Start("tell")]
    skipped = StepView(S.SKIPPED, neutral=skip.neutral)
    done: dict[str, Any] = {"scan": DONE, "review": reviewed, "fix": skipped}
    assert actions(the_plan, **done, tell=StepView(S.RUNNING)) == []
    assert actions(the_plan, **done, tell=DONE) == [Finish(RunResult.SUCCEEDED)]


def test_fix_starts_on_a_bad_score(review_and_patch: WorkflowDefinition) -> None:
    reviewed = StepView(S.SUCCEEDED, outputs={"score": 79.5})
    assert actions(plan(review_and_patch), scan=DONE, review=reviewed) == [Start("fix")]


def test_tell_runs_after_a_failure_and_the_run_still_fails(
    review_and_patch: WorkflowDefinition,
) -> None:
    the_plan = plan(review_and_patch)
    found = actions(the_plan, scan=FAILED)
    assert found == [
        Skip("review", SkipReason.NEED_FAILED, "scan failed"),
        Skip("fix", SkipReason.NEED_FAILED, "review was skipped"),
        Start("tell"),
    ]
    held = StepView(S.SKIPPED)
    assert actions(the_plan, scan=FAILED, review=held, fix=held, tell=DONE) == [
        Finish(RunResult.FAILED)
    ]


def test_a_condition_without_an_answer_fails_the_step(
    review_and_patch: WorkflowDefinition,
) -> None:
    fail, start = actions(plan(review_and_patch), scan=DONE, review=DONE)
    assert isinstance(fail, Fail)
    assert fail.node == "fix"
    assert 'nodes.review.outputs has no field "score"' in fail.error
    assert start == Start("tell")


def test_a_need_skipped_by_its_own_condition_holds_nobody_back() -> None:
    the_plan = planned("  a: {agent: x, when: 'inputs.n > 1'}\n  b: {agent: x, needs: [a]}\n")
    skip, start = actions(the_plan)
    assert isinstance(skip, Skip)
    assert skip.neutral
    assert start == Start("b")
    assert actions(the_plan, n=2) == [Start("a")]


def test_run_if_failure() -> None:
    the_plan = planned(
        "  a: {agent: x}\n  undo: {agent: x, needs: [a], run_if: failure}\n"
        "  after: {agent: x, needs: [undo]}\n"
    )
    assert actions(the_plan, a=FAILED) == [Start("undo")]
    assert actions(the_plan, a=StepView(S.CANCELLED)) == [Start("undo")]
    assert actions(the_plan, a=DONE) == [
        Skip("undo", SkipReason.NOTHING_FAILED, "none of its needs failed"),
        Start("after"),
    ]


def test_all_needs_must_have_ended_first() -> None:
    the_plan = planned("  a: {agent: x}\n  b: {agent: x}\n  c: {agent: x, needs: [a, b]}\n")
    assert actions(the_plan) == [Start("a"), Start("b")]
    assert actions(the_plan, a=FAILED, b=StepView(S.RUNNING)) == []
    assert actions(the_plan, a=DONE, b=StepView(S.WAITING)) == []
    assert actions(the_plan, a=DONE, b=DONE) == [Start("c")]


def test_cancelling_stops_everything_that_has_not_ended() -> None:
    the_plan = planned("  a: {agent: x}\n  b: {agent: x}\n  c: {agent: x, run_if: always}\n")
    assert actions(the_plan, cancelling=True, a=DONE, b=StepView(S.RUNNING)) == [
        Cancel("b"),
        Cancel("c"),
    ]
    gone = StepView(S.CANCELLED)
    assert actions(the_plan, cancelling=True, a=DONE, b=gone, c=gone) == [
        Finish(RunResult.CANCELLED)
    ]
    assert actions(the_plan, cancelling=True, a=DONE, b=DONE, c=DONE) == [
        Finish(RunResult.SUCCEEDED)
    ]


@pytest.mark.parametrize(
    ("attempt", "expected"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (99, 10.0)]
)
def test_the_wait_doubles_up_to_the_cap(attempt: int, expected: float) -> None:
    policy = RetryPolicy(max=100, backoff_max_seconds=10.0, jitter=False)
    assert retry_delay(policy, attempt, 0.5) == expected


def test_jitter_is_full() -> None:
    policy = RetryPolicy(max=3, backoff_seconds=4.0)
    assert retry_delay(policy, 2, 0.0) == 0.0
    assert retry_delay(policy, 2, 0.25) == 2.0
    assert retry_delay(policy, 2, 1.0) == 8.0


def test_no_wait_beyond_the_cap_however_large_the_numbers() -> None:
    policy = RetryPolicy(max=10_000, backoff_factor=100.0, jitter=False)
    assert retry_delay(policy, 9_999, 1.0) == 300.0


def test_the_last_attempt_has_no_next() -> None:
    assert retry_delay(RetryPolicy(max=0), 1, 0.5) is None
    assert retry_delay(RetryPolicy(max=2), 2, 0.5) is not None
    assert retry_delay(RetryPolicy(max=2), 3, 0.5) is None
    with pytest.raises(ValueError, match="from 1"):
        retry_delay(RetryPolicy(max=2), 0, 0.5)
