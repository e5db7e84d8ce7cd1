"""What holds for every plan and every order in which its nodes finish."""

import random

from hypothesis import given
from hypothesis import strategies as st

from commandcenter.engine.context import RunFacts, StepView
from commandcenter.engine.definition import NodeDefinition, RetryPolicy, RunIf, WorkflowDefinition
from commandcenter.engine.issues import WorkflowInvalidError
from commandcenter.engine.plan import Plan, graph_problems, plan
from commandcenter.engine.scheduling import (
    Action,
    Cancel,
    Fail,
    Finish,
    Skip,
    Start,
    next_actions,
    retry_delay,
)
from commandcenter.engine.states import StepState, check_transition

RUN = RunFacts(id="run_1", workflow="x")
CONDITIONS = (None, None, None, "inputs.n > 3", "nodes.n0.outputs.k < 5", "inputs.n / 0 == 1")


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    count = draw(st.integers(1, 9))
    nodes = []
    for index in range(count):
        above = [f"n{other}" for other in range(index)]
        needs = draw(st.lists(st.sampled_from(above), unique=True, max_size=4)) if above else []
        nodes.append(
            NodeDefinition(
                f"n{index}",
                "a",
                needs=tuple(needs),
                run_if=draw(st.sampled_from(RunIf)),
                when=draw(st.sampled_from(CONDITIONS)),
            )
        )
    return plan(WorkflowDefinition("x", tuple(draw(st.permutations(nodes)))))


def walk(
    of: Plan, seed: int, cancel_at: int | None = None
) -> tuple[dict[str, StepView], list[str]]:
    """Play the scheduler's part until the run ends; the seed decides what finishes when.

    How a node ends depends on the seed alone, not on the order.
    """
    steps: dict[str, StepView] = {}
    started: list[str] = []
    order = random.Random(seed)
    for turn in range(4 * len(of.order) + 2):
        cancelling = cancel_at is not None and turn >= cancel_at
        actions = next_actions(of, steps, inputs={"n": 5}, run=RUN, cancelling=cancelling)
        again = next_actions(of, steps, inputs={"n": 5}, run=RUN, cancelling=cancelling)
        assert actions == again
        for action in actions:
            if isinstance(action, Finish):
                assert actions == [action]
                return steps, started
            apply(of, steps, started, action)
        running = [name for name, step in steps.items() if step.state is StepState.RUNNING]
        if running:
            name = order.choice(sorted(running))
            steps[name] = ended(name)
    raise AssertionError(f"the run did not end: {steps}")


def ended(name: str) -> StepView:
    """Say how a node ends, by its name alone."""
    if name in ("n1", "n4"):
        return StepView(StepState.FAILED, error="exit code 1")
    return StepView(StepState.SUCCEEDED, outputs={"k": int(name[1:])})


def apply(of: Plan, steps: dict[str, StepView], started: list[str], action: Action) -> None:
    assert not isinstance(action, Finish)
    before = steps.get(action.node, StepView()).state
    if isinstance(action, Start):
        for need in of.nodes[action.node].needs:
            assert steps[need].state.is_final, f"{action.node} started before {need} ended"
        assert action.node not in started, f"{action.node} started twice"
        started.append(action.node)
        check_transition(action.node, before, StepState.QUEUED)
        steps[action.node] = StepView(StepState.RUNNING)
        return
    if isinstance(action, Skip):
        view = StepView(StepState.SKIPPED, neutral=action.neutral)
    elif isinstance(action, Fail):
        view = StepView(StepState.FAILED, error=action.error)
    else:
        view = StepView(StepState.CANCELLED)
    check_transition(action.node, before, view.state)
    steps[action.node] = view


@given(plans(), st.integers(0, 1_000))
def test_every_run_ends_and_needs_come_first(the_plan: Plan, seed: int) -> None:
    steps, started = walk(the_plan, seed)
    assert set(steps) == set(the_plan.order)
    assert all(step.state.is_final for step in steps.values())
    for name, step in steps.items():
        ran = step.state is StepState.SUCCEEDED or step.error == "exit code 1"
        assert ran == (name in started)


@given(plans(), st.integers(0, 1_000), st.integers(0, 1_000))
def test_the_order_in_which_nodes_finish_does_not_matter(
    the_plan: Plan, one: int, other: int
) -> None:
    assert walk(the_plan, one)[0] == walk(the_plan, other)[0]


@given(plans(), st.integers(0, 1_000), st.integers(0, 12))
def test_a_cancelled_run_ends_at_once(the_plan: Plan, seed: int, cancel_at: int) -> None:
    steps, _ = walk(the_plan, seed, cancel_at)
    assert all(step.state.is_final for step in steps.values())
    left = next_actions(the_plan, steps, inputs={"n": 5}, run=RUN, cancelling=True)
    assert isinstance(left[0], Finish)
    assert not any(isinstance(action, Cancel) for action in left)


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefx"), max_size=4)))
def test_a_graph_is_refused_or_ordered(needs: dict[str, list[str]]) -> None:
    nodes = tuple(NodeDefinition(name, "a", needs=tuple(of)) for name, of in needs.items())
    definition = WorkflowDefinition("x", nodes)
    if graph_problems([(node.name, node.needs) for node in nodes]):
        try:
            plan(definition)
        except WorkflowInvalidError:
            return
        raise AssertionError("a graph with problems was planned")
    the_plan = plan(definition)
    place = {name: index for index, name in enumerate(the_plan.order)}
    assert set(place) == set(needs)
    assert all(place[need] < place[name] for name, of in needs.items() for need in of)


@given(
    st.integers(1, 50),
    st.floats(0, 1),
    st.floats(0.001, 1e6),
    st.floats(1, 100),
    st.floats(0.001, 1e6),
)
def test_a_wait_stays_between_nothing_and_the_cap(
    attempt: int, unit: float, first: float, factor: float, cap: float
) -> None:
    wait = retry_delay(RetryPolicy(50, first, factor, cap), attempt, unit)
    assert wait is not None
    assert 0 <= wait <= cap
