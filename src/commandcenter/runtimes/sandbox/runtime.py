"""The sandbox runtime: the contract of `runtimes.base` over the runner's client."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from commandcenter.kit.errors import ProblemError
from commandcenter.kit.segment_reader import SegmentReader
from commandcenter.kit.segments import Record
from commandcenter.runner import errors
from commandcenter.runner.client import RunnerClient
from commandcenter.runner.ensure import runner_holds_lock
from commandcenter.runner.errors import IsolationError
from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.capabilities import Capabilities, refuse_unmet
from commandcenter.runtimes.errors import (
    NotRunningError,
    PortTakenError,
    RuntimeAwayError,
    RuntimeRefusedError,
    ServiceConflictError,
)
from commandcenter.runtimes.images import ImageFacts, ImageWanted
from commandcenter.runtimes.request import to_request
from commandcenter.runtimes.results import (
    AttemptResult,
    Executed,
    FailureReason,
    LogLine,
    Stats,
    Stream,
    Usage,
)
from commandcenter.runtimes.sandbox.doctor import NETWORKS, Severity, diagnose
from commandcenter.runtimes.spec import AttemptSpec, Limits
from commandcenter.runtimes.volumes import LocalVolumes, refuse_used

NAME = "sandbox"


class SandboxRuntime:
    """Attempts in bubblewrap sandboxes of the runner of one data directory."""

    def __init__(self, data_directory: Path) -> None:
        self.client = RunnerClient(data_directory)
        self._capabilities: Capabilities | None = None
        self._volumes = LocalVolumes(data_directory)

    async def capabilities(self) -> Capabilities:
        if self._capabilities is None:
            self._capabilities = await self._probe()
        return self._capabilities

    async def start(self, spec: AttemptSpec) -> Handle:
        refuse_unmet(spec, await self.capabilities())
        try:
            await self.client.start(to_request(spec))
        except IsolationError as error:
            raise RuntimeRefusedError(error.detail, hint=error.hint) from error
        except errors.PortTakenError as error:
            raise PortTakenError(error.detail, hint=error.hint, fields=error.fields) from error
        except errors.ServiceConflictError as error:
            raise ServiceConflictError(error.detail, hint=error.hint) from error
        except errors.RunnerUnavailableError as error:
            raise RuntimeAwayError(error.detail, hint=error.hint) from error
        limits = spec.limits
        return Handle(
            runtime=NAME,
            attempt_id=spec.attempt_id,
            data={
                "log_directory": str(self.client.paths.log(spec.attempt_id)),
                "limits": [
                    limits.cpu,
                    limits.memory_bytes,
                    limits.pids,
                    limits.disk_bytes,
                    limits.log_bytes,
                ],
            },
        )

    async def recover(self, handle: Handle) -> bool:
        return await self.client.known(handle.attempt_id)

    async def wait(self, handle: Handle) -> AttemptResult:
        outcome, output = await self.client.wait(handle.attempt_id)
        artifacts = self.client.paths.artifacts(handle.attempt_id)
        return AttemptResult(
            exit_code=outcome.exit_code,
            reason=FailureReason(outcome.reason.value) if outcome.reason else None,
            message=outcome.message,
            started_at=outcome.started_at,
            finished_at=outcome.finished_at,
            usage=Usage(outcome.cpu_seconds, outcome.memory_peak_bytes),
            output=output,
            artifacts_directory=artifacts if outcome.has_artifacts else None,
        )

    async def stop(self, handle: Handle, *, grace_seconds: float) -> None:
        await self.client.stop(handle.attempt_id, grace_seconds)

    async def logs(
        self, handle: Handle, *, after: int = 0, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        reader = SegmentReader(self.client.paths.log(handle.attempt_id))
        if follow:
            # A runner that is killed cannot close its logs; the next one does, when it is started.
            async for batch in reader.follow(after, is_over=self._runner_is_gone):
                for record in batch:
                    yield _line(record)
        else:
            for record in reader.after(after):
                yield _line(record)

    def _runner_is_gone(self) -> bool:
        return not runner_holds_lock(self.client.paths)

    async def stats(self, handle: Handle) -> Stats:
        use = await self.client.use(handle.attempt_id)
        cpu, memory, pids, disk, log = handle.data["limits"]
        return Stats(
            requested=Limits(cpu, memory, pids, disk, log),
            actual_cpu=use.actual_cpu if use else None,
            actual_memory_bytes=use.actual_memory_bytes if use else None,
            actual_pids=use.actual_pids if use else None,
            cpu_seconds=use.cpu_seconds if use else 0.0,
            memory_bytes=use.memory_bytes if use else 0,
            pids=use.pids if use else 0,
        )

    async def remove(self, handle: Handle) -> None:
        await self.client.remove(handle.attempt_id)

    async def execute(
        self, handle: Handle, command: tuple[str, ...], *, timeout_seconds: float
    ) -> Executed:
        try:
            code, output, seconds = await self.client.execute(
                handle.attempt_id, command, timeout_seconds
            )
        except errors.NotRunningError as error:
            raise NotRunningError(error.detail, hint=error.hint) from error
        return Executed(code, output.decode("utf-8", "replace"), seconds)

    async def connect(
        self, handle: Handle, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await self.client.connect(handle.attempt_id, port)
        except errors.NotRunningError as error:
            raise NotRunningError(error.detail, hint=error.hint) from error

    async def provide_image(
        self,
        wanted: ImageWanted,
        progress: Callable[[str], None],  # noqa: ARG002 - the contract
    ) -> ImageFacts:
        raise RuntimeRefusedError(
            f"The sandbox has no images, so {wanted.reference} cannot be run.",
            hint="Choose a runtime that has: commandcenter doctor lists them.",
        )

    async def remove_network(self, network: str) -> None:
        try:
            await self.client.remove_network(network)
        except errors.ServiceConflictError as error:
            raise ServiceConflictError(error.detail, hint=error.hint) from error

    async def pause(self, handle: Handle, *, seconds: float) -> None:
        try:
            await self.client.pause(handle.attempt_id, seconds)
        except errors.NotRunningError as error:
            raise NotRunningError(error.detail, hint=error.hint) from error
        except IsolationError as error:
            raise RuntimeRefusedError(error.detail, hint=error.hint) from error

    async def resume(self, handle: Handle) -> bool:
        return await self.client.resume(handle.attempt_id)

    async def volumes(self, project: str) -> tuple[Path, ...]:
        return await self._volumes.existing(project)

    async def check_room(self, volumes: Sequence[Path]) -> int:
        return await self._volumes.check_room(volumes)

    async def copy_volume(
        self,
        source: Path,
        target: Path,
        *,
        ahead: bool = False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> int:
        return await self._volumes.copy(source, target, ahead=ahead, progress=progress)

    async def sync_volumes(self, project: str) -> None:
        await self._volumes.sync(project)

    async def remove_volumes(self, project: str) -> None:
        refuse_used(project, await self.client.volume_users(project))
        await self._volumes.remove(project)

    async def close(self) -> None:
        """Let go of the runner; an idle one ends, so that a stopped hub leaves nothing behind."""
        await self.client.retire_if_idle()
        await self.client.close()

    async def _probe(self) -> Capabilities:
        checks = await asyncio.to_thread(diagnose)
        failed = {
            check.name: f"{check.name}: {check.detail} {check.remedy}".strip()
            for check in checks
            if not check.ok
        }
        fatal = [
            failed[check.name]
            for check in checks
            if check.name in failed and check.severity is Severity.FATAL
        ]
        status: dict[str, Any] = {}
        if not fatal:
            try:
                status = await self.client.status()
            except ProblemError as error:
                fatal = [f"{error.detail} {error.hint or ''}".strip()]
            else:
                fatal = [status["problem"]] if status["problem"] else []
        enforced = bool(status.get("cgroups"))
        problems = fatal
        if not fatal and not enforced:
            problems = [
                "CPU is not limited, and memory is watched 50 times a second instead of limited by "
                f"the kernel: {status['cgroups_problem']}. Run the hub as root or in a delegated "
                "systemd scope to have both enforced."
            ]
        services = NETWORKS not in failed
        if not fatal and not services:
            problems = [*problems, failed[NETWORKS]]
        return Capabilities(
            name=NAME,
            available=not fatal,
            isolation="full",
            limits=frozenset({"cpu", "memory", "pids", "disk"} if enforced else {"pids", "disk"}),
            watched_limits=frozenset() if enforced else frozenset({"memory"}),
            network_off=True,
            network_allow_list=True,
            services=services,
            live_workspace=True,
            warm_pool=True,
            problems=tuple(problems),
        )


def _line(record: Record) -> LogLine:
    return LogLine(record.number, record.at, Stream(record.stream), record.text)
