from dataclasses import replace

import pytest

from commandcenter.stacks import member as members
from commandcenter.stacks.decide import Action, Decision, Drop, GiveUp, Start, Stop, Wait, decide
from commandcenter.stacks.member import Exit, Member
from commandcenter.stacks.model import (
    Dependency,
    DependencyCondition,
    RestartMode,
    RestartPolicy,
    Service,
    Stack,
)
from commandcenter.stacks.states import (
    Desired,
    IllegalTransitionError,
    ServiceState,
    StackState,
    check_service,
    check_stack,
)

ALWAYS = RestartPolicy(RestartMode.UNLESS_STOPPED)
CRASH = Exit(succeeded=False, is_passing=True, words="It exited with 1.", exit_code=1)
HOPELESS = Exit(succeeded=False, is_passing=False, words="It cannot run.")
DONE = Exit(succeeded=True, is_passing=True, words="It ended.", exit_code=0)


def service(name: str, *needs: str, condition: str = "service_healthy") -> Service:
    wanted = DependencyCondition(condition)
    return Service(
        name,
        restart=ALWAYS,
        depends_on=tuple(Dependency(need, wanted) for need in needs),
    )


STACK = Stack("shop", (service("web", "api"), service("api", "db"), service("db")))


def fresh(stack: Stack = STACK) -> dict[str, Member]:
    return {each.name: Member(each.name, each.restart) for each in stack.services}


def ask(
    found: dict[str, Member],
    *,
    desired: Desired = Desired.RUNNING,
    before: StackState = StackState.STARTING,
    now: float = 0.0,
    stack: Stack = STACK,
) -> Decision:
    return decide(desired, stack, found, before=before, now=now)


def in_state(found: dict[str, Member], **states: ServiceState) -> dict[str, Member]:
    return {
        name: replace(each, state=states.get(name, each.state), started_at=0.0)
        for name, each in found.items()
    }


def actions(decision: Decision) -> tuple[Action, ...]:
    return decision.actions


def test_only_what_waits_for_nothing_is_started_first() -> None:
    assert actions(ask(fresh())) == (Start("db"),)


def test_a_service_starts_once_what_it_needs_is_healthy() -> None:
    starting = in_state(fresh(), db=ServiceState.STARTING)
    assert actions(ask(starting)) == ()
    healthy = in_state(fresh(), db=ServiceState.HEALTHY)
    assert actions(ask(healthy)) == (Start("api"),)


@pytest.mark.parametrize(
    ("condition", "state", "met"),
    [
        ("service_started", ServiceState.STARTING, True),
        ("service_healthy", ServiceState.STARTING, False),
        ("service_completed_successfully", ServiceState.HEALTHY, False),
        ("service_completed_successfully", ServiceState.COMPLETED, True),
    ],
)
def test_each_condition_of_a_dependency(condition: str, state: ServiceState, *, met: bool) -> None:
    stack = Stack("shop", (service("a", "b", condition=condition), service("b")))
    found = in_state(fresh(stack), b=state)
    assert (Start("a") in actions(ask(found, stack=stack))) is met


def test_it_runs_only_when_every_service_is_healthy_or_done() -> None:
    states = {"db": ServiceState.HEALTHY, "api": ServiceState.COMPLETED}
    found = in_state(fresh(), **states, web=ServiceState.STARTING)
    assert ask(found).state is StackState.STARTING
    assert ask(in_state(found, web=ServiceState.HEALTHY)).state is StackState.RUNNING


def test_a_repair_leaves_a_running_stack_running() -> None:
    found = in_state(
        fresh(), db=ServiceState.RESTARTING, api=ServiceState.HEALTHY, web=ServiceState.HEALTHY
    )
    decision = ask(found, before=StackState.RUNNING)
    assert (decision.state, decision.unhealthy) == (StackState.RUNNING, ("db",))
    assert actions(decision) == (Start("db"),)


def test_what_depends_on_a_failed_service_waits_for_it_and_says_so() -> None:
    found = in_state(fresh(), db=ServiceState.FAILED)
    decision = ask(found)
    assert decision.state is StackState.ERROR
    held = Wait("api", "It waits for db, which failed.")
    assert actions(decision) == (held,)
    found["api"] = replace(found["api"], message=held.why)
    further = Wait("web", "It waits for api, which waits for one that failed.")
    assert actions(ask(found)) == (further,)
    found["web"] = replace(found["web"], message=further.why)
    assert actions(ask(found)) == ()


def test_what_waited_for_a_failed_service_starts_when_that_is_healthy_again() -> None:
    found = in_state(fresh(), db=ServiceState.FAILED)
    found["api"] = replace(found["api"], message="It waits for db, which failed.")
    found["db"] = members.asked_to_start(found["db"])
    decision = ask(found, before=StackState.ERROR)
    assert decision.state is StackState.STARTING
    assert {Wait("api", ""), Start("db")} <= set(actions(decision))
    found = in_state(found, db=ServiceState.HEALTHY)
    assert Start("api") in actions(ask(found))


def test_what_waits_for_the_health_of_one_that_has_ended_is_given_up() -> None:
    found = in_state(fresh(), db=ServiceState.COMPLETED)
    why = "It waits for db to be healthy, which has ended."
    assert actions(ask(found)) == (GiveUp("api", why),)


def test_an_unhealthy_service_is_stopped() -> None:
    found = in_state(fresh(), db=ServiceState.UNHEALTHY)
    assert Stop("db", "it is unhealthy") in actions(ask(found))


def test_a_stack_stops_in_reverse_order_one_level_after_the_other() -> None:
    found = in_state(
        fresh(), db=ServiceState.HEALTHY, api=ServiceState.STOPPING, web=ServiceState.STOPPED
    )
    assert actions(ask(found, desired=Desired.STOPPED)) == ()
    found = in_state(found, api=ServiceState.STOPPED)
    assert actions(ask(found, desired=Desired.STOPPED)) == (Stop("db", "the stack is stopped"),)
    found = in_state(found, db=ServiceState.STOPPED)
    assert ask(found, desired=Desired.STOPPED).state is StackState.STOPPED


def test_what_never_ran_is_only_written_off() -> None:
    found = in_state(fresh(), db=ServiceState.FAILED)
    wanted = (Drop("web"), Drop("api"), Drop("db"))
    assert actions(ask(found, desired=Desired.STOPPED)) == wanted


def started(found: Member) -> Member:
    return members.started(found.to(ServiceState.STARTING, number=1), 0.0, has_probe=True)


def healthy(found: Member, now: float = 0.0) -> Member:
    return members.probed(found, now, healthy=True, counts=True, retries=3)


def test_a_start_is_tried_again_three_times_after_1_2_and_4_seconds() -> None:
    found = started(Member("db", ALWAYS))
    pauses = []
    for _ in range(3):
        found = members.ended(found, 10.0, CRASH)
        assert found.state is ServiceState.RESTARTING
        assert found.retry_at is not None
        pauses.append(found.retry_at - 10.0)
        found = members.started(
            found.to(ServiceState.STARTING, retry_at=None), 10.0, has_probe=True
        )
    assert pauses == [1.0, 2.0, 4.0]
    found = members.ended(found, 10.0, CRASH)
    assert found.state is ServiceState.FAILED
    assert "3 times" in found.message
    assert "exited with 1" in found.message


def test_without_a_check_a_service_is_well_once_it_lasted() -> None:
    begun = Member("worker", ALWAYS).to(ServiceState.STARTING, number=1)
    begun = members.started(begun, 0.0, has_probe=False)
    assert begun.state is ServiceState.STARTING
    gone = members.ended(begun, 0.1, CRASH)
    assert (gone.state, gone.retry_at) == (ServiceState.RESTARTING, 1.1)
    assert healthy(begun, 1.0).state is ServiceState.HEALTHY


def test_what_is_to_run_once_is_not_started_again() -> None:
    begun = Member("job", RestartPolicy(RestartMode.NO)).to(ServiceState.STARTING, number=1)
    gone = members.ended(members.started(begun, 0.0, has_probe=False), 0.1, CRASH)
    assert gone.state is ServiceState.FAILED
    assert 'policy is "no"' in gone.message


def test_a_start_that_cannot_succeed_fails_at_once() -> None:
    found = members.ended(started(Member("db", ALWAYS)), 0.0, HOPELESS)
    assert (found.state, found.message) == (ServiceState.FAILED, "It cannot run.")


def test_what_was_healthy_is_restarted_at_once_then_with_longer_pauses() -> None:
    found = healthy(started(Member("db", ALWAYS)))
    pauses = []
    while found.state is not ServiceState.FAILED:
        found = members.ended(found, 0.0, CRASH)
        if found.retry_at is not None:
            pauses.append(found.retry_at)
            found = healthy(
                members.started(found.to(ServiceState.STARTING, retry_at=None), 0.0, has_probe=True)
            )
        assert len(pauses) < 50
    assert pauses == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_failures_are_forgotten_once_it_was_healthy_for_long() -> None:
    found = replace(healthy(started(Member("db", ALWAYS)), now=0.0), failures=5)
    assert members.ended(found, members.STABLE_SECONDS, CRASH).failures == 1
    assert members.ended(found, members.STABLE_SECONDS - 1, CRASH).failures == 6


def test_the_restart_policy_no_is_kept() -> None:
    found = healthy(started(Member("job", RestartPolicy())))
    assert members.ended(found, 0.0, CRASH).state is ServiceState.FAILED
    assert members.ended(found, 0.0, DONE).state is ServiceState.COMPLETED
    forever = healthy(started(Member("db", ALWAYS)))
    assert members.ended(forever, 0.0, DONE).state is ServiceState.RESTARTING


def test_only_failed_probes_in_a_row_make_it_unhealthy() -> None:
    found = healthy(started(Member("db", ALWAYS)))

    def miss(found: Member) -> Member:
        return members.probed(found, 0.0, healthy=False, counts=True, retries=3)

    found = miss(healthy(miss(miss(found))))
    assert found.state is ServiceState.HEALTHY
    assert miss(miss(found)).state is ServiceState.UNHEALTHY


def test_failures_within_the_start_period_do_not_count() -> None:
    found = started(Member("db", ALWAYS))
    for _ in range(100):
        found = members.probed(found, 0.0, healthy=False, counts=False, retries=3)
    assert (found.state, found.misses) == (ServiceState.STARTING, 0)


def test_a_restart_asked_for_is_no_failure() -> None:
    found = healthy(started(Member("db", ALWAYS))).to(ServiceState.STOPPING, restart_asked=True)
    found = members.ended(found, 5.0, CRASH)
    assert (found.state, found.retry_at, found.failures) == (ServiceState.RESTARTING, 5.0, 0)


def test_states_that_may_not_follow_are_a_mistake() -> None:
    with pytest.raises(IllegalTransitionError, match="stopped to healthy"):
        check_service(ServiceState.STOPPED, ServiceState.HEALTHY)
    with pytest.raises(IllegalTransitionError, match="stopped to running"):
        check_stack(StackState.STOPPED, StackState.RUNNING)
