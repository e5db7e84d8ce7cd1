from itertools import pairwise

import pytest

from commandcenter.engine.states import (
    TRANSITIONS,
    IllegalTransitionError,
    StepState,
    check_transition,
)

S = StepState


def test_final_states_have_no_way_out() -> None:
    final = {state for state in StepState if state.is_final}
    assert final == {S.SUCCEEDED, S.FAILED, S.SKIPPED, S.CANCELLED}


def test_every_state_can_be_reached_and_every_one_leads_to_an_end() -> None:
    reached = {S.PENDING}
    for _ in StepState:
        reached |= {after for state in reached for after in TRANSITIONS[state]}
    assert reached == set(StepState)
    for state in StepState:
        if not state.is_final:
            assert S.CANCELLED in TRANSITIONS[state]
            assert S.FAILED in TRANSITIONS[state]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (S.PENDING, S.RUNNING),
        (S.PENDING, S.SUCCEEDED),
        (S.SUCCEEDED, S.RUNNING),
        (S.RUNNING, S.SKIPPED),
        (S.RUNNING, S.RUNNING),
    ],
)
def test_illegal_transitions(before: StepState, after: StepState) -> None:
    with pytest.raises(IllegalTransitionError, match=f"scan cannot go from {before} to {after}"):
        check_transition("scan", before, after)


def test_the_way_of_a_step_that_is_approved_and_retried() -> None:
    way = [S.PENDING, S.WAITING, S.QUEUED, S.RUNNING, S.WAITING, S.QUEUED, S.RUNNING, S.SUCCEEDED]
    for before, after in pairwise(way):
        check_transition("fix", before, after)
