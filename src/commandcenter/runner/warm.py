"""The warm pool: started sandboxes with a loaded interpreter, each of which runs one job.

A warm sandbox is keyed by everything that shaped it (mounts and what they are mounts of, limits,
Python path), so that a job gets one only if a fresh one would be the same. Sandboxes are prepared
one at a time, at the lowest share of CPU, after a job of the same key was seen; those that are not
used are ended.
"""

import asyncio
import functools
import importlib.util
import marshal
import os
import time
from collections import deque
from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from commandcenter.runner.bwrap import Contents
from commandcenter.runner.descriptors import readable
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.host import Host, Lease
from commandcenter.runner.interpreter import own_interpreter
from commandcenter.runner.plan import SandboxPlan
from commandcenter.runner.request import JobLimits, JobRequest

PROGRAM_PATH = "/opt/commandcenter/warm.pyc"
_JOB_PARTS = 2  # ("python", FILE)
_STARTUP_PREFIXES = ("PYTHON", "LD_", "LC_", "LANG", "MALLOC_", "GLIBC_")
_READY_SECONDS = 20.0
_DEMAND_SECONDS = 10.0
_REFILL_DELAY_SECONDS = 0.015


@dataclass(frozen=True, slots=True)
class PoolLimits:
    total: int = 12
    per_key: int = 8
    idle_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class WarmShape:
    """What a warm sandbox is made from, and the key that says when two are the same."""

    plan: SandboxPlan
    limits: JobLimits
    key: Hashable


@dataclass(slots=True)
class _Idle:
    lease: Lease
    since: float


@dataclass(slots=True)
class _Shelf:
    shape: WarmShape
    ready: deque[_Idle] = field(default_factory=deque)
    uses: deque[float] = field(default_factory=lambda: deque(maxlen=16))

    def wanted(self, now: float) -> int:
        return 1 + sum(1 for use in self.uses if now - use < _DEMAND_SECONDS)


def warm_shape(request: JobRequest, plan: SandboxPlan) -> WarmShape | None:
    """The shape of the warm sandbox that could serve this request; None if none can."""
    if not request.warm or len(request.command) != _JOB_PARTS or request.command[0] != "python":
        return None
    names = (*request.environment, *request.secret_environment)
    if (
        request.service
        or request.network_allow
        or any(name.startswith(_STARTUP_PREFIXES) for name in names)
    ):
        return None
    shaped = replace(
        plan,
        command=(plan.command[0], PROGRAM_PATH),
        environment=plan.base_environment,
        files=(*plan.files, (PROGRAM_PATH, _program())),
    )
    key = (
        tuple((bind, _identity(bind.source)) for bind in plan.binds if bind.owned),
        plan.links,
        plan.covered,
        plan.files,
        tuple(plan.base_environment.items()),
        request.limits,
        tuple(_stamps(path) for path in request.python_path),
        tuple(_identity(path) for path in _package_places()),
    )
    return WarmShape(shaped, request.limits, key)


class WarmPool:
    def __init__(self, host: Host, limits: PoolLimits | None = None) -> None:
        self._host = host
        self._limits = limits or PoolLimits()
        self._shelves: dict[Hashable, _Shelf] = {}
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def idle(self) -> int:
        return sum(len(shelf.ready) for shelf in self._shelves.values())

    def take(self, shape: WarmShape) -> Lease | None:
        """A ready sandbox of this shape, no longer the pool's; None if there is none."""
        now = time.monotonic()
        shelf = self._shelves.setdefault(shape.key, _Shelf(shape))
        shelf.uses.append(now)
        # Later: preparing another one must not come before the job that is about to start.
        asyncio.get_running_loop().call_later(_REFILL_DELAY_SECONDS, self._wake.set)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        while shelf.ready:
            lease = shelf.ready.pop().lease
            if lease.sandbox.alive:
                lease.prefer(high=True)
                return lease
            asyncio.get_running_loop().create_task(end_lease(lease))
        return None

    async def close(self) -> None:
        self._closed = True
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker
        leases = [idle.lease for shelf in self._shelves.values() for idle in shelf.ready]
        self._shelves.clear()
        await asyncio.gather(*(end_lease(lease) for lease in leases), return_exceptions=True)

    async def _work(self) -> None:
        while True:
            with suppress(TimeoutError):
                # Not `wait_for`: it loses a cancellation that comes together with the wake-up.
                async with asyncio.timeout(self._limits.idle_seconds / 10):
                    await self._wake.wait()
            self._wake.clear()
            await self._expire()
            while (shelf := self._shelf_to_fill()) is not None:
                try:
                    lease = await self._prepare(shelf.shape)
                except IsolationError:
                    # The next job of this shape meets the same error and tells it.
                    self._shelves.pop(shelf.shape.key, None)
                    continue
                shelf.ready.append(_Idle(lease, time.monotonic()))
                await self._expire()

    def _shelf_to_fill(self) -> _Shelf | None:
        now = time.monotonic()
        if self.idle >= self._limits.total:
            return None
        wanting = [
            shelf
            for shelf in self._shelves.values()
            if len(shelf.ready) < min(self._limits.per_key, shelf.wanted(now)) and shelf.uses
        ]
        return max(wanting, key=lambda shelf: shelf.uses[-1], default=None)

    async def _expire(self) -> None:
        """End what was not used for long, and the oldest of what is too many."""
        now = time.monotonic()
        ended: list[Lease] = []
        for key, shelf in list(self._shelves.items()):
            last = shelf.uses[-1] if shelf.uses else 0.0
            unused = now - last > self._limits.idle_seconds
            while shelf.ready and (unused or not shelf.ready[0].lease.sandbox.alive):
                ended.append(shelf.ready.popleft().lease)
            if unused and not shelf.ready:
                del self._shelves[key]
        while self.idle >= self._limits.total and len(self._shelves) > 1:
            stale = min(
                (shelf for shelf in self._shelves.values() if shelf.ready),
                key=lambda shelf: shelf.uses[-1],
            )
            newest = max(self._shelves.values(), key=lambda shelf: shelf.uses[-1])
            if stale is newest:
                break
            ended.append(stale.ready.popleft().lease)
            if not stale.ready:
                del self._shelves[stale.shape.key]
        for lease in ended:
            await end_lease(lease)

    async def _prepare(self, shape: WarmShape) -> Lease:
        lease = await self._host.obtain(
            shape.plan, Contents(None), shape.limits, with_job_pipe=True
        )
        try:
            lease.prefer(high=False)
            lease.sandbox.release()
            async with asyncio.timeout(_READY_SECONDS):
                await readable(lease.sandbox.stdout)
            if os.read(lease.sandbox.stdout, 1) != b"R":
                raise IsolationError("A warm sandbox did not come up.")  # noqa: TRY301
        except BaseException as error:
            await end_lease(lease)
            if isinstance(error, TimeoutError | OSError):
                raise IsolationError(f"A warm sandbox did not come up: {error}") from error
            raise
        return lease


def job_message(request: JobRequest, environment: Mapping[str, str]) -> bytes:
    """What the warm program waits for."""
    header = marshal.dumps(
        {
            "file": request.command[1],
            "environment": dict(environment),
            "secret_files": dict(request.secret_files),
            "input_size": len(request.input_json),
        }
    )
    return len(header).to_bytes(8, "big") + header + request.input_json


@functools.cache
def _program() -> bytes:
    """The warm program, compiled for the interpreter that this process and the sandbox share."""
    source = Path(__file__).with_name("warm_program.py").read_bytes()
    flags = (1).to_bytes(4, "little")  # by a hash, which is not checked
    code = compile(source, PROGRAM_PATH, "exec", dont_inherit=True)
    return importlib.util.MAGIC_NUMBER + flags + bytes(8) + marshal.dumps(code)


async def end_lease(lease: Lease) -> None:
    """End a sandbox whose program was never started, and give back what it had."""
    lease.sandbox.kill()
    await lease.sandbox.reap()
    lease.sandbox.close_streams()
    lease.sandbox.close()
    await lease.give_back()


def _identity(path: str) -> tuple[int, int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _stamps(directory: str) -> tuple[Hashable, ...]:
    """Changes of the agent SDK, which warm sandboxes have loaded already."""
    try:
        with os.scandir(f"{directory}/commandcenter_agent") as entries:
            files = [(entry.name, entry.stat()) for entry in entries if entry.name.endswith(".py")]
    except OSError:
        return ()
    return tuple(sorted((name, found.st_mtime_ns, found.st_size) for name, found in files))


@functools.cache
def _package_places() -> list[str]:
    return [
        str(place)
        for tree in own_interpreter().trees
        for place in Path(tree, "lib").glob("python3*/site-packages")
    ]
