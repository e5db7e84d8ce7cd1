"""A runtime that runs nothing: attempts follow a script (see `script`) in the hub's own process.

It keeps the contract (idempotent start, logs, output, stop, recover) for tests of what is above the
runtimes. It isolates nothing and says so. Attempts end with the process; the results of ended ones
are kept on disk, as every runtime does.
"""

import asyncio
import errno
import json
import math
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from commandcenter.kit.redaction import Redactor
from commandcenter.kit.segment_reader import SegmentReader
from commandcenter.kit.segments import LineAssembler, SegmentWriter
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.verdict import say_overdue
from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.capabilities import Capabilities, refuse_unmet
from commandcenter.runtimes.errors import (
    NotRunningError,
    PortTakenError,
    RuntimeRefusedError,
    ServiceConflictError,
)
from commandcenter.runtimes.fake.script import Script, read_script
from commandcenter.runtimes.images import ImageFacts, ImageWanted
from commandcenter.runtimes.results import (
    MAX_OUTPUT_BYTES,
    AttemptResult,
    Executed,
    FailureReason,
    LogLine,
    Stats,
    Stream,
    Usage,
)
from commandcenter.runtimes.spec import AttemptSpec, Limits, ServiceSpec
from commandcenter.runtimes.volumes import LocalVolumes, refuse_used

NAME = "fake"


@dataclass(slots=True)
class _Running:
    spec: AttemptSpec
    script: Script
    started_at: datetime
    stop_asked: asyncio.Event = field(default_factory=asyncio.Event)
    grace_seconds: float = 0.0
    going: asyncio.Event | None = None  # while it is paused
    task: asyncio.Task[AttemptResult] | None = None

    @property
    def name(self) -> str:
        return self.spec.service.names[0] if self.spec.service is not None else ""


class FakeRuntime:
    def __init__(self, data_directory: Path) -> None:
        self._data = data_directory
        self._running: dict[str, _Running] = {}
        self._volumes = LocalVolumes(data_directory)

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            name=NAME,
            available=True,
            isolation="none",
            # What runs nothing exceeds nothing, so that stacks may be tested as on any machine.
            limits=frozenset({"cpu", "memory", "pids"}),
            watched_limits=frozenset(),
            network_off=False,
            network_allow_list=False,
            services=True,
            live_workspace=False,
            warm_pool=False,
            problems=("It runs nothing: it is for tests.",),
        )

    async def start(self, spec: AttemptSpec) -> Handle:
        script = read_script(spec)
        handle = Handle(
            NAME,
            spec.attempt_id,
            data={
                "log_directory": str(self._log(spec.attempt_id)),
                "limits": asdict(spec.limits),
                "actual_memory_bytes": script.actual_memory_bytes,
            },
        )
        refuse_unmet(spec, await self.capabilities())
        if spec.network.allow:
            raise RuntimeRefusedError(
                "The fake runtime has no network.", hint="Use the sandbox runtime."
            )
        if spec.attempt_id in self._running or self._home(spec.attempt_id).exists():
            return handle
        if spec.service is not None:
            self._refuse_conflict(spec.service)
        self._home(spec.attempt_id).mkdir(parents=True)
        running = _Running(spec, script, datetime.now(UTC))
        self._running[spec.attempt_id] = running
        running.task = asyncio.create_task(self._run(running))
        return handle

    async def recover(self, handle: Handle) -> bool:
        result = self._load(handle.attempt_id)
        known = result is not None and result.reason is not FailureReason.LOST
        return handle.attempt_id in self._running or known

    async def wait(self, handle: Handle) -> AttemptResult:
        running = self._running.get(handle.attempt_id)
        if running is not None and running.task is not None:
            return await asyncio.shield(running.task)
        now = datetime.now(UTC)
        return self._load(handle.attempt_id) or AttemptResult(
            None, FailureReason.LOST, "Nothing is known of this attempt here.", now, now
        )

    async def stop(self, handle: Handle, *, grace_seconds: float) -> None:
        running = self._running.get(handle.attempt_id)
        if running is not None and running.task is not None:
            await self.resume(handle)
            running.grace_seconds = grace_seconds
            running.stop_asked.set()
            await asyncio.shield(running.task)

    async def logs(
        self, handle: Handle, *, after: int = 0, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        reader = SegmentReader(self._log(handle.attempt_id))
        if follow:
            over = lambda: handle.attempt_id not in self._running  # noqa: E731 - asked once a pause
            async for batch in reader.follow(after, is_over=over):
                for record in batch:
                    yield LogLine(record.number, record.at, Stream(record.stream), record.text)
        else:
            for record in reader.after(after):
                yield LogLine(record.number, record.at, Stream(record.stream), record.text)

    async def stats(self, handle: Handle) -> Stats:
        limits = Limits(**handle.data["limits"])
        memory = handle.data["actual_memory_bytes"] or limits.memory_bytes
        now = (1024**2, 1) if handle.attempt_id in self._running else (0, 0)
        return Stats(limits, limits.cpu, memory, limits.pids, 0.0, *now)

    async def remove(self, handle: Handle) -> None:
        await self.stop(handle, grace_seconds=0.0)
        shutil.rmtree(self._home(handle.attempt_id), ignore_errors=True)

    async def execute(
        self,
        handle: Handle,
        command: tuple[str, ...],  # noqa: ARG002 - the contract's
        *,
        timeout_seconds: float,
    ) -> Executed:
        """Nothing is run: the script's `execute_exit_code` and `execute_output` are told."""
        running = self._running.get(handle.attempt_id)
        if running is None or running.spec.service is None:
            raise NotRunningError(f"No service runs as {handle.attempt_id}.")
        script = running.script
        if running.going is not None and not await _within(running.going, timeout_seconds):
            return Executed(None, "", timeout_seconds)
        if script.execute_seconds > timeout_seconds:
            await asyncio.sleep(timeout_seconds)
            return Executed(None, "", timeout_seconds)
        await asyncio.sleep(script.execute_seconds)
        return Executed(script.execute_exit_code, script.execute_output, script.execute_seconds)

    async def connect(
        self, handle: Handle, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that is accepted and closed, or refused if the script says `refuses`."""
        running = self._running.get(handle.attempt_id)
        if running is None or running.spec.service is None:
            raise NotRunningError(f"No service runs as {handle.attempt_id}.")
        if running.script.refuses:
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"Port {port} of the service does not accept connections"
            )
        ours, theirs = socket.socketpair()
        theirs.close()
        return await asyncio.open_connection(sock=ours)

    async def provide_image(
        self,
        wanted: ImageWanted,
        progress: Callable[[str], None],  # noqa: ARG002 - the contract
    ) -> ImageFacts:
        raise RuntimeRefusedError(
            f"The fake runtime has no images, so {wanted.reference} cannot be run.",
            hint="Choose a runtime that has: commandcenter doctor lists them.",
        )

    async def remove_network(self, network: str) -> None:
        if names := [running.name for running in self._members(network)]:
            raise ServiceConflictError(
                f"The network {network} still has the services {', '.join(names)}.",
                hint="Stop them first.",
            )

    async def pause(self, handle: Handle, *, seconds: float) -> None:  # noqa: ARG002 - the contract
        """Nothing runs anyway; only commands wait."""
        running = self._running.get(handle.attempt_id)
        if running is None or running.spec.service is None:
            raise NotRunningError(f"No service runs as {handle.attempt_id}.")
        running.going = running.going or asyncio.Event()

    async def resume(self, handle: Handle) -> bool:
        running = self._running.get(handle.attempt_id)
        if running is None or running.going is None:
            return False
        running.going.set()
        running.going = None
        return True

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
        home = RunnerPaths(self._data.resolve()).volumes / project
        users = [
            running.name
            for running in self._running.values()
            if running.spec.service is not None
            and any(volume.source.parent == home for volume in running.spec.service.volumes)
        ]
        refuse_used(project, users)
        await self._volumes.remove(project)

    async def close(self) -> None:
        """Attempts live in this process: those still running are ended."""
        for running in list(self._running.values()):
            if running.task is not None:
                running.task.cancel()
                with suppress(asyncio.CancelledError):
                    await running.task

    def _members(self, network: str) -> list["_Running"]:
        return [
            running
            for running in self._running.values()
            if running.spec.service is not None and running.spec.service.network == network
        ]

    def _refuse_conflict(self, service: ServiceSpec) -> None:
        if any(running.name == service.names[0] for running in self._members(service.network)):
            raise ServiceConflictError(
                f"A service {service.names[0]} runs already in the network {service.network}.",
                hint="Stop it before another one takes its place.",
            )
        taken = {
            (port.host, port.host_port)
            for running in self._running.values()
            if running.spec.service is not None
            for port in running.spec.service.ports
        }
        for port in service.ports:
            if (port.host, port.host_port) in taken:
                raise PortTakenError(
                    f"Port {port.host_port} of {port.host} is taken by another service.",
                    hint="Choose another port.",
                    fields={"host": port.host, "port": port.host_port},
                )

    async def _run(self, running: _Running) -> AttemptResult:
        spec, script = running.spec, running.script
        redactor = Redactor(
            (*spec.redact, *spec.secret_files.values(), *spec.secret_environment.values())
        )
        log = SegmentWriter(self._log(spec.attempt_id), limit_bytes=spec.limits.log_bytes)
        try:
            for stream, text in (("stdout", script.stdout), ("stderr", script.stderr)):
                lines = LineAssembler()
                safe = redactor.redact(text.encode())
                log.append(stream, lines.feed(safe) + lines.finish())
            reason, message = await self._pass_time(running)
            result = self._result(running, reason, message, redactor)
            if reason is not None and reason is not FailureReason.EXIT_CODE:
                log.append("system", [message])
        finally:
            log.close()
            self._running.pop(spec.attempt_id, None)
        self._store(spec.attempt_id, result)
        return result

    async def _pass_time(self, running: _Running) -> tuple[FailureReason | None, str]:
        spec, script = running.spec, running.script
        limit = spec.timeout_seconds
        late = script.seconds > limit
        stopped = await _within(running.stop_asked, min(script.seconds, limit))
        if stopped or late:
            grace = running.grace_seconds if stopped else spec.grace_seconds
            if script.ignore_sigterm and math.isfinite(grace):
                await asyncio.sleep(min(grace, max(0.0, script.seconds - limit)))
            if stopped:
                overdue = say_overdue(grace, signal.SIGTERM) if script.ignore_sigterm else ""
                return FailureReason.CANCELLED, f"It was stopped, as asked{overdue}."
            return FailureReason.TIMEOUT, f"It was stopped at its time limit of {limit:g} s."
        if script.ends is not None:
            return script.ends, f"The script ends with {script.ends.value}."
        if script.exit_code:
            return FailureReason.EXIT_CODE, f"The program exited with {script.exit_code}."
        return None, ""

    def _result(
        self, running: _Running, reason: FailureReason | None, message: str, redactor: Redactor
    ) -> AttemptResult:
        home = self._home(running.spec.attempt_id)
        script = running.script
        killed = reason not in (None, FailureReason.EXIT_CODE, FailureReason.DISK_FULL)
        output = None if killed or script.output is None else redactor.redact(script.output)
        if output is not None and len(output) > MAX_OUTPUT_BYTES:
            output, reason = None, reason or FailureReason.EXIT_CODE
            message = message or "The program's result cannot be used: it is too large."
        artifacts = home / "artifacts"
        if script.artifacts and not killed:
            artifacts.mkdir(exist_ok=True)
            for name, text in script.artifacts.items():
                (artifacts / Path(name).name).write_bytes(redactor.redact(text.encode()))
        return AttemptResult(
            exit_code=None if killed else script.exit_code,
            reason=reason,
            message=message,
            started_at=running.started_at,
            finished_at=datetime.now(UTC),
            usage=Usage(),
            output=output,
            artifacts_directory=artifacts if artifacts.is_dir() else None,
        )

    def _home(self, attempt_id: str) -> Path:
        return self._data / "fake" / attempt_id

    def _log(self, attempt_id: str) -> Path:
        return self._data / "logs" / attempt_id.partition(".")[0] / attempt_id

    def _store(self, attempt_id: str, result: AttemptResult) -> None:
        home = self._home(attempt_id)
        if result.output is not None:
            (home / "output.json").write_bytes(result.output)
        fields = {
            "exit_code": result.exit_code,
            "reason": result.reason.value if result.reason else None,
            "message": result.message,
            "started_at": result.started_at.isoformat(),
            "finished_at": result.finished_at.isoformat(),
        }
        temporary = home / "result.new"
        temporary.write_text(json.dumps(fields))
        temporary.replace(home / "result.json")

    def _load(self, attempt_id: str) -> AttemptResult | None:
        home = self._home(attempt_id)
        try:
            fields = json.loads((home / "result.json").read_text())
        except FileNotFoundError:
            return None
        output = home / "output.json"
        artifacts = home / "artifacts"
        return AttemptResult(
            exit_code=fields["exit_code"],
            reason=FailureReason(fields["reason"]) if fields["reason"] else None,
            message=fields["message"],
            started_at=datetime.fromisoformat(fields["started_at"]),
            finished_at=datetime.fromisoformat(fields["finished_at"]),
            output=output.read_bytes() if output.exists() else None,
            artifacts_directory=artifacts if artifacts.is_dir() else None,
        )


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event came before the time was over."""
    if seconds <= 0:
        return event.is_set()
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
