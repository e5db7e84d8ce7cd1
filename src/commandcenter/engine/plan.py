"""The plan of a run: the definition's nodes as a directed acyclic graph, checked and ordered."""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from commandcenter.engine.definition import MAX_NODES, NodeDefinition, WorkflowDefinition
from commandcenter.engine.issues import (
    MAX_ISSUES,
    Issue,
    WorkflowInvalidError,
    did_you_mean,
    quoted,
)

_MOST_CYCLES = 10
_SHOWN_IN_CYCLE = 20


@dataclass(frozen=True, slots=True)
class GraphProblem:
    """What is wrong with a node's needs. `need` is the index in them, None for the node itself."""

    node: str
    need: int | None
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A validated graph. `order` is topological and, where that leaves a choice, as declared.

    `position` numbers the nodes as declared: a number that is the same in every replay of the
    run, whatever finishes first.
    """

    definition: WorkflowDefinition
    nodes: Mapping[str, NodeDefinition]
    order: tuple[str, ...]
    position: Mapping[str, int]
    dependents: Mapping[str, tuple[str, ...]]  # who needs the node directly, as declared
    _above: Mapping[str, int]  # a bit per position
    _below: Mapping[str, int]

    def upstream(self, node: str) -> frozenset[str]:
        """Return every node that the node needs, directly or through others."""
        return frozenset(self._names(self._above[node]))

    def downstream(self, node: str) -> frozenset[str]:
        """Return every node that needs the node, directly or through others."""
        return frozenset(self._names(self._below[node]))

    def _names(self, bits: int) -> Iterator[str]:
        while bits:
            lowest = bits & -bits
            yield self.definition.nodes[lowest.bit_length() - 1].name
            bits ^= lowest


def plan(definition: WorkflowDefinition) -> Plan:
    """Return the plan; WorkflowInvalidError lists what is wrong with the graph."""
    problems = graph_problems([(node.name, node.needs) for node in definition.nodes])
    if problems:
        raise WorkflowInvalidError(
            f"The workflow {definition.name}",
            [
                Issue(
                    f"nodes.{problem.node}.needs"
                    + ("" if problem.need is None else f"[{problem.need}]"),
                    0,
                    0,
                    problem.message,
                    problem.hint,
                )
                for problem in problems
            ],
        )
    position = {node.name: index for index, node in enumerate(definition.nodes)}
    needs = {node.name: node.needs for node in definition.nodes}
    dependents = _dependents(needs)
    order = _order(needs, position, dependents)
    above: dict[str, int] = {}
    for name in order:
        above[name] = _union(needs[name], above, position)
    below: dict[str, int] = {}
    for name in reversed(order):
        below[name] = _union(dependents[name], below, position)
    return Plan(
        definition=definition,
        nodes={node.name: node for node in definition.nodes},
        order=tuple(order),
        position=position,
        dependents=dependents,
        _above=above,
        _below=below,
    )


def graph_problems(nodes: Sequence[tuple[str, Sequence[str]]]) -> list[GraphProblem]:
    """Return everything wrong with a list of (name, needs): all of it, not only the first."""
    if len(nodes) > MAX_NODES:
        return [
            GraphProblem(
                nodes[MAX_NODES][0],
                None,
                f"the workflow has {len(nodes):,} nodes; the most is {MAX_NODES:,}",
                "let one node's agent go through a list instead of writing a node per item",
            )
        ]
    counts = Counter(name for name, _ in nodes)
    problems = [
        GraphProblem(name, None, f"the node {quoted(name)} is there {count} times")
        for name, count in counts.items()
        if count > 1
    ]
    for name, needs in nodes:
        problems += _need_problems(name, needs, counts, guess=len(problems) < MAX_ISSUES)
    sound = {
        name: tuple(dict.fromkeys(need for need in needs if need in counts and need != name))
        for name, needs in nodes
    }
    problems += _cycle_problems(sound, dict(nodes))
    return problems


def _need_problems(
    name: str, needs: Sequence[str], known: Mapping[str, int], *, guess: bool
) -> Iterator[GraphProblem]:
    seen: set[str] = set()
    for index, need in enumerate(needs):
        if need == name:
            yield GraphProblem(name, index, "a node cannot need itself")
        elif need not in known:
            others = [other for other in known if other != name] if guess else []
            hint = did_you_mean(need, others)
            yield GraphProblem(
                name, index, f"there is no node {quoted(need)}", hint or "declare it under nodes"
            )
        elif need in seen:
            yield GraphProblem(name, index, f"{quoted(need)} is listed twice")
        seen.add(need)


def _cycle_problems(
    needs: Mapping[str, tuple[str, ...]], declared: Mapping[str, Sequence[str]]
) -> Iterator[GraphProblem]:
    left = dict(needs)
    for _ in range(_MOST_CYCLES):
        left = _without_ordered(left)
        if not left:
            return
        cycle = _a_cycle(left)
        path = [*cycle, cycle[0]]
        if len(path) > _SHOWN_IN_CYCLE:
            path = [*path[: _SHOWN_IN_CYCLE - 2], "…", path[-1]]
        following = cycle[1] if len(cycle) > 1 else cycle[0]
        yield GraphProblem(
            cycle[0],
            list(declared[cycle[0]]).index(following),
            "the nodes need each other in a circle: " + " -> ".join(path),
            "remove one of these needs",
        )
        gone = set(cycle)
        left = {
            name: tuple(need for need in those if need not in gone)
            for name, those in left.items()
            if name not in gone
        }


def _without_ordered(needs: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Leave the nodes that cannot be put in order, and of their needs those that are the reason."""
    position = {name: index for index, name in enumerate(needs)}
    ordered = set(_order(needs, position, _dependents(needs)))
    return {
        name: tuple(need for need in those if need not in ordered)
        for name, those in needs.items()
        if name not in ordered
    }


def _a_cycle(needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Follow the first need from the first node until one comes again: every node here has one."""
    place: dict[str, int] = {}
    walk: list[str] = []
    name = next(iter(needs))
    while name not in place:
        place[name] = len(walk)
        walk.append(name)
        name = needs[name][0]
    return walk[place[name] :]


def _dependents(needs: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {name: [] for name in needs}
    for name, those in needs.items():
        for need in those:
            found[need].append(name)
    return {name: tuple(those) for name, those in found.items()}


def _order(
    needs: Mapping[str, Sequence[str]],
    position: Mapping[str, int],
    dependents: Mapping[str, Sequence[str]],
) -> list[str]:
    """Order topologically, as declared where there is a choice; nodes in a cycle are left out."""
    open_needs = {name: len(those) for name, those in needs.items()}
    names = list(needs)
    ready = [position[name] for name, count in open_needs.items() if count == 0]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        name = names[heapq.heappop(ready)]
        order.append(name)
        for dependent in dependents[name]:
            open_needs[dependent] -= 1
            if open_needs[dependent] == 0:
                heapq.heappush(ready, position[dependent])
    return order


def _union(names: Sequence[str], bits: Mapping[str, int], position: Mapping[str, int]) -> int:
    result = 0
    for name in names:
        result |= bits[name] | (1 << position[name])
    return result
