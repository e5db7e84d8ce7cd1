import pytest

from commandcenter.stacks.model import Dependency, Service, Stack
from commandcenter.stacks.order import DependencyCycleError, levels_of, start_order


def stack(**needs: list[str]) -> Stack:
    return Stack(
        "shop",
        tuple(
            Service(name, image="x", depends_on=tuple(Dependency(need) for need in wanted))
            for name, wanted in needs.items()
        ),
    )


def test_services_start_after_what_they_need() -> None:
    order = start_order(stack(web=["api", "cache"], api=["db", "cache"], db=[], cache=[], other=[]))
    assert order.levels == (("db", "cache", "other"), ("api",), ("web",))
    assert order.reverse == (("web",), ("api",), ("db", "cache", "other"))


def test_an_empty_stack_has_no_levels() -> None:
    assert start_order(stack()).levels == ()


def test_what_the_stack_does_not_have_is_passed_over() -> None:
    assert start_order(stack(web=["gone"])).levels == (("web",),)


@pytest.mark.parametrize(
    ("needs", "cycle"),
    [
        ({"a": ["b"], "b": ["c"], "c": ["a"], "d": []}, {"a", "b", "c"}),
        ({"a": ["a"]}, {"a"}),
        ({"x": ["a"], "a": ["b"], "b": ["a"]}, {"a", "b"}),
    ],
)
def test_a_cycle_is_named(needs: dict[str, list[str]], cycle: set[str]) -> None:
    with pytest.raises(DependencyCycleError) as caught:
        levels_of(needs)
    assert set(caught.value.cycle) == cycle
    named = caught.value.cycle
    for name, following in zip(named, (*named[1:], named[0]), strict=True):
        assert following in needs[name]  # each waits for the next
    assert " -> ".join((*named, named[0])) in caught.value.detail


def test_a_long_chain_is_no_problem() -> None:
    needs = {f"s{number}": [f"s{number + 1}"] for number in range(5000)}
    assert len(levels_of(needs | {"s5000": []})) == 5001
