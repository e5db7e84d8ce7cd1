"""What this machine gives a sandbox: bubblewrap, cgroups, the filter, an identity."""

from dataclasses import dataclass

from commandcenter.runner import seccomp
from commandcenter.runner.bwrap import Contents, find_bubblewrap
from commandcenter.runner.cgroups import Cgroups
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.launch import LaunchOrder, Sandbox, launch
from commandcenter.runner.plan import SandboxPlan
from commandcenter.runner.request import JobRequest


@dataclass(slots=True)
class Lease:
    """A sandbox in use, and what is to be given back after it."""

    sandbox: Sandbox

    async def give_back(self) -> None:
        if self.sandbox.leaf is not None:
            self.sandbox.leaf.remove()


class Host:
    def __init__(self, cgroups: Cgroups) -> None:
        self._cgroups = cgroups
        self._seccomp = seccomp.program()
        self._counter = 0

    def refuse_network(self) -> None:
        raise IsolationError(
            "An allow-list of hosts cannot be enforced by this version of the sandbox.",
            hint="Run the agent without network, or choose a runtime that can.",
        )

    async def obtain(self, request: JobRequest, plan: SandboxPlan) -> Lease:
        """A sandbox for the request that waits for its release. Raises `IsolationError`."""
        self._counter += 1
        leaf = None
        if self._cgroups.available:
            leaf = self._cgroups.create(f"{self._counter}", request.limits)
        order = LaunchOrder(
            plan=plan,
            contents=Contents(request.input_json, request.secret_files),
            limits=request.limits,
            executable=find_bubblewrap().path,
            sources={},
            seccomp=self._seccomp,
            identity=None,
            leaf=leaf,
        )
        try:
            return Lease(await launch(order))
        except BaseException:
            if leaf is not None:
                leaf.remove()
            raise

    async def close(self) -> None:
        self._cgroups.close()
