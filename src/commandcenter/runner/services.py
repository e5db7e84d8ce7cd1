"""Start services as members of their networks, run commands in them, let them stand still."""

import time
from pathlib import Path

from commandcenter.runner.attempt import Attempt
from commandcenter.runner.bwrap import Contents
from commandcenter.runner.errors import NotRunningError
from commandcenter.runner.execute import Executed
from commandcenter.runner.host import Host, Lease
from commandcenter.runner.network_namespaces import address
from commandcenter.runner.networks import Member
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.pausing import Pauses
from commandcenter.runner.plan import SandboxPlan
from commandcenter.runner.request import JobRequest
from commandcenter.runner.service import ServiceRequest
from commandcenter.runner.service_plan import SharedFolders, plan_service, prepare_volumes
from commandcenter.runner.warm import end_lease


class Services:
    def __init__(self, paths: RunnerPaths, host: Host) -> None:
        self._paths = paths
        self._host = host
        self._members: dict[str, Member] = {}
        self._volumes: dict[str, frozenset[str]] = {}  # by attempt: projects
        self._pauses = Pauses()

    async def launch(
        self, request: JobRequest, service: ServiceRequest
    ) -> tuple[SandboxPlan, Lease]:
        """A sandbox that stands in its network and waits for its release."""
        member = await self._host.networks.admit(service)
        try:
            plan = plan_service(
                request,
                service,
                self._paths,
                hosts_file=member.hosts_file,
                neighbours=member.neighbours,
            )
            prepare_volumes(plan.binds, self._paths, member.identity)
            lease = await self._obtain(request, service, plan, member)
        except BaseException:
            member.leave()
            raise
        self._members[request.attempt_id] = member
        self._volumes[request.attempt_id] = frozenset(
            Path(bind.source).parent.name
            for bind in plan.binds
            if Path(bind.source).is_relative_to(self._paths.volumes)
        )
        return plan, lease

    async def _obtain(
        self, request: JobRequest, service: ServiceRequest, plan: SandboxPlan, member: Member
    ) -> Lease:
        contents = Contents(b"", request.secret_files)
        with_egress = bool(request.network_allow)
        shared = SharedFolders.open(service, plan, self._paths)
        try:
            lease = await self._host.obtain(
                plan, contents, request.limits, with_egress=with_egress, member=member
            )
            try:
                shared.verify(lease.sandbox.init_pid)
            except BaseException:
                await end_lease(lease)
                raise
        finally:
            shared.close()
        return lease

    def ended(self, identifier: str) -> None:
        """Free the names and ports of a service. Nothing for what is no service."""
        self._pauses.end(identifier)
        self._volumes.pop(identifier, None)
        if member := self._members.pop(identifier, None):
            member.leave()

    def where(self, identifier: str, attempt: Attempt | None) -> tuple[str, str]:
        """The network and the address of a running service. Raises `NotRunningError`."""
        member, _ = self._running(identifier, attempt)
        return member.network.name, str(address(member.number))

    async def execute(
        self, identifier: str, attempt: Attempt | None, command: tuple[str, ...], seconds: float
    ) -> Executed:
        """Run a command in a running service. Raises `NotRunningError`.

        In one that stands still the command waits, and counts as ended at its time limit.
        """
        self._running(identifier, attempt)
        started = time.monotonic()
        try:
            async with self._pauses.running(identifier, seconds):
                member, attempt = self._running(identifier, attempt)
                namespaces = await member.network.open()
                left = seconds - (time.monotonic() - started)
                return await attempt.execute(
                    namespaces, member.identity, command, left, self._host.seccomp
                )
        except TimeoutError:
            return Executed(None, b"", time.monotonic() - started)

    async def pause(self, identifier: str, attempt: Attempt | None, seconds: float) -> None:
        """Let a service stand still. Raises `NotRunningError`."""
        _, attempt = self._running(identifier, attempt)
        await self._pauses.begin(identifier, attempt.init_pid, seconds)

    def resume(self, identifier: str) -> bool:
        """Let it go on; whether it has stood still until now."""
        return self._pauses.end(identifier)

    def users(self, project: str) -> tuple[str, ...]:
        """Names of the services that have a volume of the project."""
        return tuple(
            self._members[identifier].name
            for identifier, projects in self._volumes.items()
            if project in projects and identifier in self._members
        )

    def _running(self, identifier: str, attempt: Attempt | None) -> tuple[Member, Attempt]:
        member = self._members.get(identifier)
        if attempt is None or member is None or attempt.ended.is_set():
            raise NotRunningError(f"No service runs as {identifier}.")
        return member, attempt
