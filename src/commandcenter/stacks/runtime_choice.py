"""On which runtime a project's stack runs: the one people chose for it, else the hub's."""

from collections.abc import Mapping

from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.base import Runtime
from commandcenter.runtimes.capabilities import Capabilities, Feature
from commandcenter.runtimes.errors import RuntimeRefusedError
from commandcenter.runtimes.opened import OpenedRuntimes
from commandcenter.stacks.errors import ServiceUnsupportedError, StackCannotStartError


class RuntimeChoice:
    def __init__(self, runtimes: OpenedRuntimes, usual: str) -> None:
        self._runtimes = runtimes
        self.usual = usual

    def get(self, name: str) -> Runtime:
        """Return the runtime of that name. Raises `UnknownRuntimeError`."""
        return self._runtimes.get(name)

    async def able(self, name: str) -> tuple[Runtime, Capabilities]:
        """Return the runtime with what it can, services in any case.

        Raises `UnknownRuntimeError` and `RuntimeRefusedError`.
        """
        runtime = self.get(name)
        can = await runtime.capabilities()
        if not (can.available and can.services):
            raise RuntimeRefusedError(
                f"The runtime {can.name} cannot run services on this machine.",
                hint=" ".join(can.problems) or None,
            )
        return runtime, can

    async def with_way_out(
        self, error: StackCannotStartError, project: str
    ) -> StackCannotStartError:
        """Return the refusal with the runtime that would not have refused, if there is one."""
        hint = await self.way_out(error.problems, project)
        return error if hint is None else StackCannotStartError(error.problems, hint=hint)

    async def way_out(self, problems: Mapping[str, ProblemError], project: str) -> str | None:
        """Say which runtime has what these lack, or that none has; None: they lack nothing."""
        needs = frozenset(feature for problem in problems.values() for feature in _needs(problem))
        if not needs:
            return None
        found = await self._runtimes.having(needs)
        able = [can.name for can in found if can.available]
        if able:
            return f"{_listed(able)} can: commandcenter project set {project} --runtime {able[0]}"
        if found:
            return " ".join(
                f"The runtime {can.name} could, but not on this machine yet: "
                f"{' '.join(can.problems)} Then: commandcenter project set {project} "
                f"--runtime {can.name}"
                for can in found
            )
        return "No runtime of this hub can."


def _needs(problem: ProblemError) -> frozenset[Feature]:
    return problem.needs if isinstance(problem, ServiceUnsupportedError) else frozenset()


def _listed(names: list[str]) -> str:
    return f"The runtime {names[0]}" if len(names) == 1 else f"The runtimes {', '.join(names)}"
