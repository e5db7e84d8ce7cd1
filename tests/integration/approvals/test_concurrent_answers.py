"""Any answers by any people at once: one outcome, and it follows from the answers that were taken."""

import asyncio
import random
from datetime import timedelta

import pytest

from commandcenter.approvals.errors import (
    ApprovalAnsweredError,
    ApprovalDecidedError,
    ApprovalForbiddenError,
)
from commandcenter.approvals.service import ApprovalService
from commandcenter.approvals.states import Answer, ApprovalState, outcome
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Role
from commandcenter.events.bus import EventBus
from commandcenter.events.store import EventStore
from commandcenter.kit.database import Database
from tests.integration.approvals.rows import add_approval

_ROUNDS = 25


def person(name: str, *groups: str) -> Caller:
    return Caller(principal_id=name, name=name, role=Role.APPROVER, groups=groups)


async def test_concurrent_answers_add_up(database: Database) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed: {seed}")  # noqa: T201  # pytest shows it when the test fails
    for index in range(_ROUNDS):
        await _round(database, random.Random(f"{seed}.{index}"))  # noqa: S311  # not for secrets


async def _round(database: Database, chance: random.Random) -> None:
    events = EventStore(database, EventBus())
    service = ApprovalService(database, events)
    quorum = chance.randint(1, 4)
    async with database.write() as session:
        approval_id = await add_approval(session, events, quorum=quorum, groups=("deciders",))
    people = [
        person(f"p{number}", *(["deciders"] if chance.random() < 0.8 else []))
        for number in range(chance.randint(1, 7))
    ]
    asked = [
        (chance.choice(people), chance.choices([*Answer], weights=[3, 1])[0])
        for _ in range(chance.randint(1, 12))
    ]

    results = await asyncio.gather(
        *(service.answer(caller, approval_id, answer, "") for caller, answer in asked),
        return_exceptions=True,
    )

    approval, decisions = await service.get(approval_id)
    taken = [Answer(decision.decision) for decision in decisions]
    names = [decision.principal_name for decision in decisions]
    assert ApprovalState(approval.state) is outcome(taken, quorum)
    assert len(names) == len(set(names)), "somebody answered twice"
    assert all("deciders" in caller.groups for caller in people if caller.name in names)
    # Nothing was taken after the decision: without the last answer it was still open.
    if approval.state != ApprovalState.PENDING.value:
        assert (
            outcome(taken[:-1], quorum) is ApprovalState.PENDING or taken.count(Answer.REJECT) == 1
        )
    assert sum(not isinstance(result, BaseException) for result in results) == len(taken)
    refused = (ApprovalAnsweredError, ApprovalDecidedError, ApprovalForbiddenError)
    for result in results:
        assert not isinstance(result, BaseException) or isinstance(result, refused), result
    resolved = [
        event
        for event in await events.after(0)
        if event.type == "approval.resolved" and event.subject == approval_id
    ]
    assert len(resolved) == (approval.state != ApprovalState.PENDING.value)


@pytest.mark.parametrize("answer", list(Answer))
async def test_an_expired_question_takes_no_answer(database: Database, answer: Answer) -> None:
    events = EventStore(database, EventBus())
    async with database.write() as session:
        approval_id = await add_approval(session, events, lifetime=timedelta(seconds=-1))

    with pytest.raises(ApprovalDecidedError) as caught:
        await ApprovalService(database, events).answer(person("a"), approval_id, answer, "")

    assert caught.value.fields == {"state": "expired"}


async def test_nobody_approves_their_own_run_where_that_is_forbidden(database: Database) -> None:
    events = EventStore(database, EventBus())
    async with database.write() as session:
        approval_id = await add_approval(session, events, allow_self=False)
    service = ApprovalService(database, events)

    with pytest.raises(ApprovalForbiddenError):
        await service.answer(person("requester"), approval_id, Answer.APPROVE, "")

    approval, decisions = await service.get(approval_id)
    assert (approval.state, list(decisions)) == ("pending", [])
    given, _ = await service.answer(person("other"), approval_id, Answer.APPROVE, "")
    assert given.state == "approved"
