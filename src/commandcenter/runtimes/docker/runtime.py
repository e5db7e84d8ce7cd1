"""The Docker runtime: the contract of `runtimes.base` over a container engine's API."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from commandcenter.kit.redaction import Redactor
from commandcenter.kit.segment_reader import SegmentReader
from commandcenter.kit.segments import SegmentWriter
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.request import Ending, Outcome
from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.capabilities import Capabilities, refuse_unmet
from commandcenter.runtimes.docker.containers import Containers
from commandcenter.runtimes.docker.engine import Engine, EngineError, find_socket
from commandcenter.runtimes.docker.events import MemoryEvents
from commandcenter.runtimes.docker.execute import connect, execute
from commandcenter.runtimes.docker.hiding import HidingPlace
from commandcenter.runtimes.docker.keeper import Keeper
from commandcenter.runtimes.docker.networks import Networks
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.docker.probe import probe
from commandcenter.runtimes.docker.record import (
    AttemptLock,
    Record,
    decide_ending,
    forget,
    read_outcome,
    write_outcome,
)
from commandcenter.runtimes.docker.staging import Staging
from commandcenter.runtimes.docker.starter import Parts, ProgramMissingError, Starter
from commandcenter.runtimes.docker.use import Use, from_engine
from commandcenter.runtimes.docker.userland import Userland
from commandcenter.runtimes.docker.volumes import Volumes
from commandcenter.runtimes.errors import (
    NotRunningError,
    RuntimeAwayError,
    RuntimeRefusedError,
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
from commandcenter.runtimes.spec import AttemptSpec, Limits

NAME = "docker"
_OTHERS_PAUSE_SECONDS = 0.05
_START_SECONDS = 120.0


class DockerRuntime:
    """Attempts in containers of one engine, looked after by this process while it runs."""

    def __init__(self, data_directory: Path) -> None:
        self._places = Places.of(data_directory)
        self._parts: Parts | None = None
        self._events: MemoryEvents | None = None
        self._capabilities: Capabilities | None = None
        self._opening = asyncio.Lock()
        self._locks: dict[str, asyncio.Lock] = {}
        self._keepers: dict[str, Keeper] = {}
        self._last_use: dict[str, Use] = {}

    async def capabilities(self) -> Capabilities:
        if self._capabilities is None:
            self._capabilities = await probe()
        return self._capabilities

    async def start(self, spec: AttemptSpec) -> Handle:
        can = await self.capabilities()
        refuse_unmet(spec, can)
        _refuse_impossible(spec, can)
        request = to_request(spec)
        request.check(has_image=spec.image is not None)
        try:
            async with self._lock(spec.attempt_id):
                parts, events = await self._open()
                if not await self._take_over(spec.attempt_id, claim=True):
                    await self._begin(spec, parts, events)
        except IsolationError as error:
            raise RuntimeRefusedError(error.detail, hint=error.hint) from error
        except EngineError as error:
            raise RuntimeRefusedError(
                f"The container engine refuses to start the attempt: {error.message}."
            ) from error
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

    async def _begin(self, spec: AttemptSpec, parts: Parts, events: MemoryEvents) -> None:
        identifier = spec.attempt_id
        home = self._places.attempt(identifier)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = AttemptLock(self._places.lock(identifier))
        if not lock.take():
            await self._others_start(identifier)
            return
        try:
            await events.open()
            record, tmp = await Starter(parts).start(spec, to_request(spec))
        except ProgramMissingError as error:
            self._store_missing(spec, str(error))
            lock.release()
            await parts.containers.discard(identifier)
            parts.hiding.remove(identifier)
            return
        except BaseException:
            lock.release()
            raise
        self._keep(record, lock, parts, events, tmp=tmp)

    def _keep(
        self,
        record: Record,
        lock: AttemptLock,
        parts: Parts,
        events: MemoryEvents,
        *,
        tmp: int | None = None,
    ) -> None:
        keeper = Keeper(parts.containers, events, parts.hiding, self._places, record, lock, tmp=tmp)
        self._keepers[record.attempt_id] = keeper
        keeper.task.add_done_callback(lambda _: self._keepers.pop(record.attempt_id, None))

    async def _others_start(self, attempt_id: str) -> None:
        """Another process starts it or looks after it: wait until it is there."""
        async with asyncio.timeout(_START_SECONDS):
            while True:
                record = Record.read(self._places, attempt_id)
                if record is not None and record.begun:
                    return
                await asyncio.sleep(_OTHERS_PAUSE_SECONDS)

    async def _take_over(self, attempt_id: str, *, claim: bool = False) -> bool:
        """Whether the attempt is known; if nobody looks after it, this process does from now on.

        With `claim` what was begun and never started is cleared away, to be started anew.
        """
        if attempt_id in self._keepers or read_outcome(self._places, attempt_id) is not None:
            return True
        record = Record.read(self._places, attempt_id)
        if record is None:
            return False
        lock = AttemptLock(self._places.lock(attempt_id))
        try:
            taken = lock.take()
        except FileNotFoundError:
            return False
        if not taken:
            return record.begun or not claim
        try:
            if read_outcome(self._places, attempt_id) is not None:
                lock.release()
                return True
            parts, events = await self._open()
            told = await parts.containers.inspect(attempt_id)
            if not record.begun or (told is not None and told["State"]["Status"] == "created"):
                lock.release()
                await parts.containers.discard(attempt_id)
                parts.hiding.remove(attempt_id)
                forget(self._places, attempt_id)
                return False
            await events.open()
        except BaseException:
            lock.release()
            raise
        self._keep(record, lock, parts, events)
        return True

    async def recover(self, handle: Handle) -> bool:
        async with self._lock(handle.attempt_id):
            if not await self._take_over(handle.attempt_id):
                return False
        outcome = read_outcome(self._places, handle.attempt_id)
        if outcome is not None:
            return outcome.reason is not Ending.LOST
        parts, _ = await self._open()
        return await parts.containers.inspect(handle.attempt_id) is not None

    async def wait(self, handle: Handle) -> AttemptResult:
        identifier = handle.attempt_id
        while True:
            async with self._lock(identifier):
                known = await self._take_over_patiently(identifier)
            outcome = read_outcome(self._places, identifier)
            if outcome is not None:
                return self._result(identifier, outcome)
            if not known:
                now = datetime.now(UTC)
                return AttemptResult(
                    None, FailureReason.LOST, "Nothing is known of this attempt here.", now, now
                )
            keeper = self._keepers.get(identifier)
            if keeper is None:  # another process looks after it
                await asyncio.sleep(_OTHERS_PAUSE_SECONDS)
            else:
                waiting = asyncio.create_task(keeper.ended.wait())
                await asyncio.wait({waiting, keeper.task}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()

    async def _take_over_patiently(self, attempt_id: str) -> bool:
        pause = 0.1
        while True:
            try:
                return await self._take_over(attempt_id)
            except (RuntimeAwayError, EngineError):
                await asyncio.sleep(pause)
                pause = min(3.0, pause * 2)

    def _result(self, attempt_id: str, outcome: Outcome) -> AttemptResult:
        output = None
        if outcome.has_output:
            with suppress(FileNotFoundError):
                output = self._places.output(attempt_id).read_bytes()
        artifacts = self._places.artifacts(attempt_id)
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
        identifier = handle.attempt_id
        async with self._lock(identifier):
            if not await self._take_over(identifier):
                return
        if read_outcome(self._places, identifier) is not None:
            return
        record = Record.read(self._places, identifier)
        parts, _ = await self._open()
        told = await parts.containers.inspect(identifier)
        if record is not None and told is not None and told["State"]["Running"]:
            decide_ending(self._places, identifier, Ending.CANCELLED)
            await parts.containers.end(identifier, record.stop_signal, grace_seconds)
        await self.wait(handle)

    async def logs(
        self, handle: Handle, *, after: int = 0, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        identifier = handle.attempt_id
        with suppress(RuntimeAwayError, EngineError):
            async with self._lock(identifier):
                await self._take_over(identifier)
        reader = SegmentReader(self._places.log(identifier))
        if follow:
            over = lambda: self._is_over(identifier)  # noqa: E731 - asked once a pause
            async for record in reader.follow(after, is_over=over):
                yield LogLine(record.number, record.at, Stream(record.stream), record.text)
        else:
            for record in reader.after(after):
                yield LogLine(record.number, record.at, Stream(record.stream), record.text)

    def _is_over(self, attempt_id: str) -> bool:
        if self._places.result(attempt_id).exists():
            return attempt_id not in self._keepers
        return not self._places.record(attempt_id).exists()

    async def stats(self, handle: Handle) -> Stats:
        identifier = handle.attempt_id
        with suppress(RuntimeAwayError, EngineError):
            async with self._lock(identifier):
                await self._take_over(identifier)
        cpu, memory, pids, disk, log = handle.data["limits"]
        use = await self._use(identifier)
        return Stats(
            requested=Limits(cpu, memory, pids, disk, log),
            actual_cpu=use.actual_cpu,
            actual_memory_bytes=use.actual_memory_bytes,
            actual_pids=use.actual_pids,
            cpu_seconds=use.cpu_seconds,
            memory_bytes=use.memory_bytes,
            pids=use.pids,
        )

    async def _use(self, attempt_id: str) -> Use:
        """Now, from the kernel or else the engine; after the end the last values seen."""
        keeper = self._keepers.get(attempt_id)
        last = self._last_use.get(attempt_id, Use())
        if keeper is not None:
            last = await keeper.read_use()
        if last.actual_pids is None and read_outcome(self._places, attempt_id) is None:
            record = Record.read(self._places, attempt_id)
            parts, _ = await self._open()
            told = await parts.containers.inspect(attempt_id)
            stats = await parts.containers.stats(attempt_id)
            if record is not None and told is not None and stats is not None:
                last = from_engine(stats, told["HostConfig"], record.own_processes)
        if last != Use():
            self._last_use[attempt_id] = last
        return last

    async def remove(self, handle: Handle) -> None:
        identifier = handle.attempt_id
        await self.stop(handle, grace_seconds=0.0)
        keeper = self._keepers.get(identifier)
        if keeper is not None:
            await asyncio.wait({keeper.task})
        parts, _ = await self._open()
        await parts.containers.remove(self._places.container(identifier))
        parts.hiding.remove(identifier)
        forget(self._places, identifier)

    async def execute(
        self, handle: Handle, command: tuple[str, ...], *, timeout_seconds: float
    ) -> Executed:
        parts, told = await self._running(handle)
        code, output, seconds = await execute(parts.containers, told, command, timeout_seconds)
        keeper = self._keepers.get(handle.attempt_id)
        redactor = keeper.redactor if keeper else self._redactor(handle.attempt_id)
        safe = redactor.redact(output) if redactor is not None else b""
        return Executed(code, safe.decode("utf-8", "replace"), seconds)

    async def connect(
        self, handle: Handle, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        _, told = await self._running(handle)
        record = Record.read(self._places, handle.attempt_id)
        network = self._places.network(record.network) if record and record.network else ""
        return await connect(told, network, port)

    async def _running(self, handle: Handle) -> tuple[Parts, dict[str, Any]]:
        """Return what the engine says of a running service. Raises `NotRunningError`."""
        parts, _ = await self._open()
        record = Record.read(self._places, handle.attempt_id)
        told = await parts.containers.inspect(handle.attempt_id) if record else None
        if record is None or not record.is_service or told is None or not told["State"]["Running"]:
            raise NotRunningError(f"No service runs as {handle.attempt_id}.")
        return parts, told

    def _redactor(self, attempt_id: str) -> Redactor | None:
        record = Record.read(self._places, attempt_id)
        parts = self._parts
        if record is None or parts is None:
            return None
        values = parts.hiding.hidden(attempt_id) if record.hides else ()
        return None if values is None else Redactor(values)

    async def provide_image(
        self, wanted: ImageWanted, progress: Callable[[str], None]
    ) -> ImageFacts:
        raise NotImplementedError

    async def remove_network(self, network: str) -> None:
        parts, _ = await self._open()
        await parts.networks.remove(network)

    async def close(self) -> None:
        """Let go of the engine; attempts run on."""
        for keeper in list(self._keepers.values()):
            await keeper.close()
        if self._events is not None:
            await self._events.close()
            self._events = None
        if self._parts is not None:
            self._parts.staging.close()
            await self._parts.containers.engine.close()
            self._parts = None

    def _lock(self, attempt_id: str) -> asyncio.Lock:
        return self._locks.setdefault(attempt_id, asyncio.Lock())

    async def _open(self) -> tuple[Parts, MemoryEvents]:
        async with self._opening:
            if self._parts is None or self._events is None:
                engine = Engine(find_socket())
                version = await engine.version()
                containers = Containers(engine, self._places)
                userland = Userland(engine)
                self._parts = Parts(
                    containers=containers,
                    networks=Networks(containers, self._places),
                    volumes=Volumes(containers, userland, self._places),
                    userland=userland,
                    staging=Staging(self._places.mounts),
                    hiding=HidingPlace(self._places.key),
                    places=self._places,
                    log_driver="k8s-file" if version.is_podman else "local",
                )
                self._events = MemoryEvents(engine, self._places)
            return self._parts, self._events

    def _store_missing(self, spec: AttemptSpec, words: str) -> None:
        log = SegmentWriter(self._places.log(spec.attempt_id), limit_bytes=spec.limits.log_bytes)
        log.append("system", [words])
        log.close()
        now = datetime.now(UTC)
        write_outcome(
            self._places,
            spec.attempt_id,
            Outcome(127, Ending.EXIT_CODE, f"The program cannot be started: {words}", now, now),
        )


def _refuse_impossible(spec: AttemptSpec, can: Capabilities) -> None:
    if not can.available:
        raise RuntimeAwayError("; ".join(can.problems), hint="commandcenter doctor says more.")
    if spec.network.allow:
        raise RuntimeRefusedError(
            "The Docker runtime does not limit which hosts an attempt may reach.",
            hint="Use the sandbox runtime, or take the network from the attempt.",
        )
