import random

import pytest

from commandcenter.engine.definition import NodeDefinition, WorkflowDefinition
from commandcenter.engine.issues import WorkflowInvalidError
from commandcenter.engine.plan import Plan, graph_problems, plan


def planned(needs: dict[str, list[str]]) -> Plan:
    nodes = tuple(NodeDefinition(name, "a", needs=tuple(of)) for name, of in needs.items())
    return plan(WorkflowDefinition("x", nodes))


def test_the_order_is_topological_and_otherwise_as_declared() -> None:
    the_plan = planned({"d": ["b", "c"], "c": ["a"], "a": [], "b": ["a"], "e": []})
    assert the_plan.order == ("a", "c", "b", "d", "e")
    assert the_plan.position == {"d": 0, "c": 1, "a": 2, "b": 3, "e": 4}
    assert planned({"z": [], "y": [], "x": []}).order == ("z", "y", "x")


def test_who_is_above_and_below() -> None:
    the_plan = planned({"d": ["b", "c"], "c": ["a"], "a": [], "b": ["a"], "e": []})
    assert the_plan.dependents["a"] == ("c", "b")
    assert the_plan.dependents["e"] == ()
    assert the_plan.upstream("d") == {"a", "b", "c"}
    assert the_plan.upstream("a") == frozenset()
    assert the_plan.downstream("a") == {"b", "c", "d"}
    assert the_plan.downstream("d") == frozenset()


def test_all_that_is_wrong_is_told() -> None:
    problems = graph_problems(
        [
            ("a", ["a"]),
            ("b", ["bb"]),
            ("c", ["d", "d"]),
            ("d", ["c"]),
            ("e", ["f"]),
            ("f", ["e"]),
            ("g", ["f"]),
            ("b", []),
        ]
    )
    assert [(problem.node, problem.need, problem.message) for problem in problems] == [
        ("b", None, 'the node "b" is there 2 times'),
        ("a", 0, "a node cannot need itself"),
        ("b", 0, 'there is no node "bb"'),
        ("c", 1, '"d" is listed twice'),
        ("c", 0, "the nodes need each other in a circle: c -> d -> c"),
        ("e", 0, "the nodes need each other in a circle: e -> f -> e"),
    ]


def test_plan_refuses_a_cycle() -> None:
    with pytest.raises(WorkflowInvalidError, match="b -> c -> b") as caught:
        planned({"a": ["b"], "b": ["c"], "c": ["b"]})
    assert caught.value.issues[0].path == "nodes.b.needs[0]"


def test_a_long_cycle_is_shortened() -> None:
    needs = {f"n{index}": [f"n{(index + 1) % 500}"] for index in range(500)}
    (problem,) = graph_problems(list(needs.items()))
    assert "n0 -> n1 -> " in problem.message
    assert problem.message.endswith("-> … -> n0")


def test_too_many_nodes() -> None:
    (problem,) = graph_problems([(f"n{index}", []) for index in range(1_001)])
    assert "1,001 nodes; the most is 1,000" in problem.message


def test_a_thousand_nodes_each_needing_all_before() -> None:
    the_plan = planned({f"n{index}": [f"n{i}" for i in range(index)] for index in range(1_000)})
    assert len(the_plan.upstream("n999")) == 999
    assert the_plan.order[-1] == "n999"


def test_a_plan_is_the_same_every_time() -> None:
    draw = random.Random(7)
    needs = {
        f"n{index}": [f"n{i}" for i in range(index) if draw.random() < 0.2] for index in range(50)
    }
    assert planned(needs) == planned(needs)
