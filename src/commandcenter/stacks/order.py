"""In which order services start: levels, each needing only levels before it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from commandcenter.kit.errors import InvalidInputError
from commandcenter.stacks.model import Stack


class DependencyCycleError(InvalidInputError):
    """`cycle` names the services, each waiting for the next, the last for the first."""

    code = "stack_dependency_cycle"
    title = "Services wait for each other"

    def __init__(self, cycle: tuple[str, ...]) -> None:
        self.cycle = cycle
        super().__init__(
            f"These services wait for each other: {' -> '.join((*cycle, cycle[0]))}.",
            hint="Take one of the depends_on away.",
            fields={"services": list(cycle)},
        )


@dataclass(frozen=True, slots=True)
class StartOrder:
    """`levels[0]` needs nothing; services of one level may start together. Stop in reverse."""

    levels: tuple[tuple[str, ...], ...]

    @property
    def reverse(self) -> tuple[tuple[str, ...], ...]:
        return tuple(reversed(self.levels))


def start_order(stack: Stack) -> StartOrder:
    """Return the levels, each in the order of the definition; DependencyCycleError names a cycle.

    A dependency on a service that the stack does not have is passed over: it is not required.
    """
    return StartOrder(
        levels_of(
            {
                service.name: [dependency.service for dependency in service.depends_on]
                for service in stack.services
            }
        )
    )


def levels_of(needs: Mapping[str, Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the levels of a graph given as name to the names it needs."""
    position = {name: index for index, name in enumerate(needs)}
    sorter = TopologicalSorter(
        {name: [need for need in wanted if need in position] for name, wanted in needs.items()}
    )
    try:
        sorter.prepare()
    except CycleError as error:
        # graphlib gives the path with its first name repeated, each needed by the next.
        raise DependencyCycleError(tuple(reversed(error.args[1][1:]))) from None
    levels = []
    while sorter.is_active():
        ready = sorter.get_ready()
        levels.append(tuple(sorted(ready, key=position.__getitem__)))
        sorter.done(*ready)
    return tuple(levels)
