"""The runtime contract: how an attempt is started, followed, stopped and found again.

A runtime isolates processes. The scheduler speaks to every runtime through this module alone and
never compares names: what a runtime can do it says in `Capabilities`, and a request that needs
more is refused by `refuse_unmet` with an error naming what is missing. Nothing is silently weaker.

Order of calls: `start` (idempotent by attempt id: a second call with the same id returns the handle
of the first and starts nothing), then `wait`, `stop`, `logs` and `stats` any number of times and
concurrently, then `remove` once the result has been recorded (idempotent). After the caller's
restart `recover` takes a stored handle and says whether the attempt is still there.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from commandcenter.runtimes.capabilities import Capabilities
from commandcenter.runtimes.images import ImageFacts, ImageWanted
from commandcenter.runtimes.results import AttemptResult, Executed, LogLine, Stats
from commandcenter.runtimes.spec import AttemptSpec


@dataclass(frozen=True, slots=True)
class Handle:
    """Where an attempt runs; serialisable, stored with the attempt, survives the hub."""

    runtime: str
    attempt_id: str
    version: int = 1
    data: Mapping[str, Any] = field(default_factory=dict)


class Runtime(Protocol):
    async def capabilities(self) -> Capabilities:
        """Probe once per process and answer from memory; never raises."""
        ...

    async def start(self, spec: AttemptSpec) -> Handle:
        """Start the attempt, or return the handle of the one already started under this id.

        Raises `RuntimeRefusedError` when an isolation or limit cannot be set up here,
        `RuntimeAwayError`, and `PortTakenError` and `ServiceConflictError` for services.
        """
        ...

    async def provide_image(
        self, wanted: ImageWanted, progress: Callable[[str], None]
    ) -> ImageFacts:
        """Return the image, pulled or built if it has to be; the same call again is cheap.

        `progress` hears a few words for people now and then ("pulling: 12 of 48 MB"). Bounded in
        time. Raises `ImageUnavailableError`, `RuntimeAwayError`, and `RuntimeRefusedError` from
        runtimes without images.
        """
        ...

    async def recover(self, handle: Handle) -> bool:
        """Whether the attempt is known (running, or ended with its result kept)."""
        ...

    async def wait(self, handle: Handle) -> AttemptResult:
        """Wait for the end; returns at once if ended; reason `lost` if nothing is known of it."""
        ...

    async def stop(self, handle: Handle, *, grace_seconds: float) -> None:
        """SIGTERM (a service's own signal), then after the grace SIGKILL of the whole tree.

        Idempotent, returns when dead: a service's name and ports are free again.

        `wait` then gives reason `cancelled`.
        """
        ...

    def logs(
        self, handle: Handle, *, after: int = 0, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """Lines with a number above `after`; with `follow` until the attempt's log is closed."""
        ...

    async def stats(self, handle: Handle) -> Stats:
        """Limits and use now; after the end, the last values seen."""
        ...

    async def remove(self, handle: Handle) -> None:
        """Forget the attempt: outputs, cgroup, sandbox directory. Its log file stays."""
        ...

    async def execute(
        self, handle: Handle, command: tuple[str, ...], *, timeout_seconds: float
    ) -> Executed:
        """Run a short command in a running service: its health probe.

        It is the service's user, sees what the service sees, has its environment and counts
        against its limits; it is killed with its process group at its time limit. Raises
        `NotRunningError`.
        """
        ...

    async def connect(
        self, handle: Handle, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP connection to a port of a running service, published or not: for probes.

        The service sees it as coming from its network. The caller bounds the time and closes the
        writer. Raises `NotRunningError`, and ConnectionRefusedError when nothing listens there.
        """
        ...

    async def remove_network(self, network: str) -> None:
        """Forget a network of services; idempotent. Volumes stay.

        Raises `ServiceConflictError` while a service is in it.
        """
        ...

    async def pause(self, handle: Handle, *, seconds: float) -> None:
        """Let no process of a running service run until `resume`; idempotent.

        Returns when all stand still, so that its volumes can be copied as of one moment. A runtime
        that outlives the hub lets the service go on after `seconds` by itself. `stop` ends a paused
        service too. Raises `NotRunningError`.
        """
        ...

    async def resume(self, handle: Handle) -> bool:
        """Let a service go on; idempotent, nothing if it does not run.

        Returns whether it has stood still from `pause` until now: False means that something let it
        run in between, or that it was not paused.
        """
        ...

    async def volumes(self, project: str) -> tuple[Path, ...]:
        """Return the volumes `DATA/volumes/PROJECT/...` that are there, complete, by name."""
        ...

    async def check_room(self, volumes: Sequence[Path]) -> int:
        """Return how many bytes copies of the volumes would take; DiskFullError if too many."""
        ...

    async def copy_volume(
        self,
        source: Path,
        target: Path,
        *,
        ahead: bool = False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Copy a volume (as in `Volume.source`) to a new one; how many bytes it holds.

        Owners, modes, times, links, sparse files and extended attributes are kept. A target that is
        there is an error and stays as it is; one that was begun by a call that died is not there.
        Without the source nothing is made, and 0 returned. The caller sees to it that nobody writes
        meanwhile, and calls `sync_volumes` when all are copied.

        With `ahead` services may write: nothing is at the target yet, but the next call has only to
        copy what has changed since. A runtime that cannot do that does nothing. `progress` is told
        bytes as they are done, also from another thread. Raises DiskFullError and
        `VolumeCopyError`.
        """
        ...

    async def sync_volumes(self, project: str) -> None:
        """Return when what was copied to the project's volumes would outlast a power cut."""
        ...

    async def remove_volumes(self, project: str) -> None:
        """Remove all volumes `DATA/volumes/PROJECT/...`, idempotent; their data is gone.

        Raises `ServiceConflictError` while a service uses one.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. Attempts go on running."""
        ...
