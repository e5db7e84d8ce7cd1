from hypothesis import given
from hypothesis import strategies as st

from commandcenter.approvals.states import Answer, ApprovalState, outcome

ANSWERS = st.lists(st.sampled_from(Answer), max_size=12)


@given(ANSWERS, st.integers(1, 5))
def test_one_no_is_a_no_and_enough_yeses_are_a_yes(answers: list[Answer], quorum: int) -> None:
    found = outcome(answers, quorum)
    if Answer.REJECT in answers:
        assert found is ApprovalState.REJECTED
    elif len(answers) >= quorum:
        assert found is ApprovalState.APPROVED
    else:
        assert found is ApprovalState.PENDING
