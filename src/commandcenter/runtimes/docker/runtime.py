"""The Docker runtime: the contract of `runtimes.base` over a container engine's API."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from commandcenter.kit.errors import ProblemError
from commandcenter.kit.segment_reader import SegmentReader
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.request import Ending
from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.capabilities import Capabilities, refuse_unmet
from commandcenter.runtimes.docker.attempts import OTHERS_PAUSE_SECONDS, Attempts
from commandcenter.runtimes.docker.engine import EngineError
from commandcenter.runtimes.docker.events import Events
from commandcenter.runtimes.docker.execute import connect, execute
from commandcenter.runtimes.docker.parts import Parts, open_parts
from commandcenter.runtimes.docker.pauses import Pauses
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.docker.probe import probe
from commandcenter.runtimes.docker.record import Record, as_result, decide_ending, read_outcome
from commandcenter.runtimes.docker.use import Use, from_engine
from commandcenter.runtimes.errors import NotRunningError, RuntimeAwayError, RuntimeRefusedError
from commandcenter.runtimes.images import ImageFacts, ImageWanted
from commandcenter.runtimes.request import to_request
from commandcenter.runtimes.results import (
    AttemptResult,
    Executed,
    FailureReason,
    LogLine,
    Stats,
    Stream,
)
from commandcenter.runtimes.spec import AttemptSpec, Limits

NAME = "docker"


@dataclass(frozen=True, slots=True)
class _Open:
    parts: Parts
    events: Events
    attempts: Attempts


class DockerRuntime:
    """Attempts in containers of one engine, looked after by this process while it runs."""

    def __init__(self, data_directory: Path) -> None:
        self._places = Places.of(data_directory)
        self._capabilities: Capabilities | None = None
        self._held: _Open | None = None
        self._opening = asyncio.Lock()
        self._pauses = Pauses()
        self._last_use: dict[str, Use] = {}

    async def capabilities(self) -> Capabilities:
        if self._capabilities is None or not self._capabilities.available:
            self._capabilities = await probe()  # again: an engine may be started any time
        return self._capabilities

    async def start(self, spec: AttemptSpec) -> Handle:
        can = await self.capabilities()
        refuse_unmet(spec, can)
        _refuse_impossible(spec, can)
        request = to_request(spec)
        request.check(has_image=spec.image is not None)
        with _refusals("start the attempt"):
            await (await self._open()).attempts.start(spec, request)
        limits = spec.limits
        return Handle(
            runtime=NAME,
            attempt_id=spec.attempt_id,
            data={
                "log_directory": str(self._places.log(spec.attempt_id)),
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
        held = await self._open()
        if not await held.attempts.find(handle.attempt_id):
            return False
        outcome = read_outcome(self._places, handle.attempt_id)
        if outcome is not None:
            return outcome.reason is not Ending.LOST
        return await held.parts.containers.inspect(handle.attempt_id) is not None

    async def wait(self, handle: Handle) -> AttemptResult:
        identifier = handle.attempt_id
        while True:
            outcome = read_outcome(self._places, identifier)
            if outcome is not None:
                return as_result(self._places, identifier, outcome)
            attempts = (await self._open_patiently()).attempts
            if not await attempts.find_patiently(identifier):
                now = datetime.now(UTC)
                return AttemptResult(
                    None, FailureReason.LOST, "Nothing is known of this attempt here.", now, now
                )
            keeper = attempts.keeper(identifier)
            if keeper is None:  # it has ended just now, or another process looks after it
                await asyncio.sleep(OTHERS_PAUSE_SECONDS)
            else:
                await keeper.wait()

    async def stop(self, handle: Handle, *, grace_seconds: float) -> None:
        identifier = handle.attempt_id
        if read_outcome(self._places, identifier) is None:
            held = await self._open()
            if not await held.attempts.find(identifier):
                return
            record = Record.read(self._places, identifier)
            told = await held.parts.containers.inspect(identifier)
            if record is not None and told is not None and told["State"]["Running"]:
                decide_ending(self._places, identifier, Ending.CANCELLED, grace_seconds)
                with _refusals("stop the attempt"):
                    await held.parts.containers.end(identifier, record.stop_signal, grace_seconds)
        await self.wait(handle)

    async def logs(
        self, handle: Handle, *, after: int = 0, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        identifier = handle.attempt_id
        await self._look_after(identifier)
        reader = SegmentReader(self._places.log(identifier))
        if follow:
            over = lambda: self._is_over(identifier)  # noqa: E731 - asked once a pause
            async for batch in reader.follow(after, is_over=over):
                for record in batch:
                    yield LogLine(record.number, record.at, Stream(record.stream), record.text)
        else:
            for record in reader.after(after):
                yield LogLine(record.number, record.at, Stream(record.stream), record.text)

    async def stats(self, handle: Handle) -> Stats:
        await self._look_after(handle.attempt_id)
        cpu, memory, pids, disk, log = handle.data["limits"]
        use = await self._use(handle.attempt_id)
        return Stats(
            requested=Limits(cpu, memory, pids, disk, log),
            actual_cpu=use.actual_cpu,
            actual_memory_bytes=use.actual_memory_bytes,
            actual_pids=use.actual_pids,
            cpu_seconds=use.cpu_seconds,
            memory_bytes=use.memory_bytes,
            pids=use.pids,
        )

    async def remove(self, handle: Handle) -> None:
        await self.stop(handle, grace_seconds=0.0)
        with _refusals("remove the attempt"):
            await (await self._open()).attempts.forget(handle.attempt_id)
        self._last_use.pop(handle.attempt_id, None)

    async def execute(
        self, handle: Handle, command: tuple[str, ...], *, timeout_seconds: float
    ) -> Executed:
        held, _, told = await self._running(handle)
        code, output, seconds = await execute(held.parts.containers, told, command, timeout_seconds)
        redactor = held.attempts.redactor(handle.attempt_id)
        safe = redactor.redact(output) if redactor is not None else b""
        return Executed(code, safe.decode("utf-8", "replace"), seconds)

    async def connect(
        self, handle: Handle, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        _, record, told = await self._running(handle)
        network = self._places.network(record.network) if record.network else ""
        return await connect(told, network, port)

    async def pause(self, handle: Handle, *, seconds: float) -> None:
        held, _, _ = await self._running(handle)
        with _refusals("pause the service"):
            await held.parts.containers.pause(handle.attempt_id)
        # The engine has no such limit: it is this process's, and the next one resumes at its start.
        self._pauses.begin(handle.attempt_id, seconds, lambda: self._let_go_on(handle))

    async def resume(self, handle: Handle) -> bool:
        stood = self._pauses.end(handle.attempt_id)
        with _refusals("let the service go on"):
            was_paused = await (await self._open()).parts.containers.resume(handle.attempt_id)
        return stood and was_paused

    async def _let_go_on(self, handle: Handle) -> None:
        with suppress(ProblemError), _refusals("let the service go on"):
            await (await self._open()).parts.containers.resume(handle.attempt_id)

    async def volumes(self, project: str) -> tuple[Path, ...]:
        with _refusals("list the volumes"):
            return await (await self._open()).parts.volumes.existing(project)

    async def check_room(self, volumes: Sequence[Path]) -> int:
        with _refusals("look for room"):
            return await (await self._open()).parts.volumes.check_room(volumes)

    async def copy_volume(
        self,
        source: Path,
        target: Path,
        *,
        ahead: bool = False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> int:
        if ahead:
            return 0
        with _refusals("copy the volume"):
            size = await (await self._open()).parts.volumes.copy(source, target)
        progress(size)
        return size

    async def sync_volumes(self, project: str) -> None:
        with _refusals("bring the volumes to the disk"):
            await (await self._open()).parts.volumes.sync(project)

    async def remove_volumes(self, project: str) -> None:
        with _refusals("remove the volumes"):
            await (await self._open()).parts.volumes.remove_all(project)

    async def provide_image(
        self, wanted: ImageWanted, progress: Callable[[str], None]
    ) -> ImageFacts:
        with _refusals(f"provide {wanted.reference}"):
            return await (await self._open()).parts.images.provide(wanted, progress)

    async def remove_network(self, network: str) -> None:
        with _refusals("remove the network"):
            await (await self._open()).parts.networks.remove(network)

    async def close(self) -> None:
        """Let go of the engine; attempts run on."""
        await self._pauses.close()
        held, self._held = self._held, None
        if held is not None:
            await held.attempts.close()
            await held.events.close()
            held.parts.staging.close()
            await held.parts.engine.close()

    async def _open(self) -> _Open:
        """Raises `RuntimeAwayError`."""
        async with self._opening:
            if self._held is None:
                parts = await open_parts(self._places)
                events = Events(parts.engine, self._places)
                self._held = _Open(parts, events, Attempts(parts, events))
            return self._held

    async def _open_patiently(self) -> _Open:
        while True:
            try:
                return await self._open()
            except RuntimeAwayError:
                await asyncio.sleep(1.0)

    async def _look_after(self, attempt_id: str) -> None:
        """What is on disk can be told without the engine, too."""
        if read_outcome(self._places, attempt_id) is None:
            with suppress(RuntimeAwayError, EngineError):
                await (await self._open()).attempts.find(attempt_id)

    async def _running(self, handle: Handle) -> tuple[_Open, Record, dict[str, Any]]:
        """Return what the engine says of a running service. Raises `NotRunningError`."""
        held = await self._open()
        record = Record.read(self._places, handle.attempt_id)
        told = await held.parts.containers.inspect(handle.attempt_id) if record else None
        if record is None or not record.is_service or told is None or not told["State"]["Running"]:
            raise NotRunningError(f"No service runs as {handle.attempt_id}.")
        return held, record, told

    def _is_over(self, attempt_id: str) -> bool:
        """Whether a log that was not closed will not be any more."""
        if self._places.result(attempt_id).exists():
            return self._held is None or self._held.attempts.keeper(attempt_id) is None
        return not self._places.record(attempt_id).exists()

    async def _use(self, attempt_id: str) -> Use:
        """Now, from the kernel or else the engine; after the end the last values seen."""
        last = self._last_use.get(attempt_id, Use())
        if read_outcome(self._places, attempt_id) is None:
            with suppress(RuntimeAwayError, EngineError):
                last = await self._use_now(attempt_id) or last
        if last != Use():
            self._last_use[attempt_id] = last
        return last

    async def _use_now(self, attempt_id: str) -> Use | None:
        held = await self._open()
        keeper = held.attempts.keeper(attempt_id)
        found = await keeper.read_use() if keeper is not None else Use()
        if found.actual_pids is not None:
            return found
        record = Record.read(self._places, attempt_id)
        told = await held.parts.containers.inspect(attempt_id)
        stats = await held.parts.containers.stats(attempt_id)
        if record is None or told is None or stats is None:
            return None
        return from_engine(stats, told["HostConfig"], record.own_processes)


@contextmanager
def _refusals(what: str) -> Iterator[None]:
    """Say in the contract's words what was refused further down."""
    try:
        yield
    except IsolationError as error:
        raise RuntimeRefusedError(error.detail, hint=error.hint) from error
    except EngineError as error:
        raise RuntimeRefusedError(
            f"The container engine cannot {what}: {error.message}."
        ) from error


def _refuse_impossible(spec: AttemptSpec, can: Capabilities) -> None:
    if not can.available:
        raise RuntimeAwayError("; ".join(can.problems), hint="commandcenter doctor says more.")
    if spec.service is not None and not can.services:
        raise RuntimeRefusedError("; ".join(can.problems), hint="commandcenter doctor says more.")
    if spec.network.allow:
        raise RuntimeRefusedError(
            "The Docker runtime does not limit which hosts an attempt may reach.",
            hint="Use the sandbox runtime, or take the network from the attempt.",
        )
