"""Whether the hub is well. Each check has a deadline, so that the answer comes whatever hangs."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sqlalchemy import func, select, text

from commandcenter.kit.database import Database
from commandcenter.kit.disk import space_at
from commandcenter.models import Attempt, Run

_CHECK_SECONDS = 1.0  # of the two that people wait for an answer
_LAG_EVERY_SECONDS = 1.0
_LAG_WINDOW = 10
_LAG_DEGRADED_SECONDS = 1.0
_FEW_FILES = 1000


class Health(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True)
class CheckResult:
    status: Health = Health.OK
    detail: str = ""
    value: float | None = None
    duration_seconds: float = 0.0


Check = Callable[[], Awaitable[CheckResult]]


@dataclass(frozen=True, slots=True)
class HealthReport:
    status: Health
    is_serving: bool  # False: a check the hub cannot work without has failed
    checks: dict[str, CheckResult] = field(default_factory=dict)


class HealthService:
    """A check returns a `CheckResult`, or raises: its message is then what people read."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._critical: set[str] = set()
        self._hanging: dict[str, asyncio.Task[CheckResult]] = {}

    def add(self, name: str, check: Check, *, critical: bool = False) -> None:
        self._checks[name] = check
        if critical:
            self._critical.add(name)

    async def report(self) -> HealthReport:
        """Run all checks at once; answers within a second and a little."""
        began = time.monotonic()
        tasks: dict[str, asyncio.Task[CheckResult]] = {}
        for name, check in self._checks.items():
            # A check that still hangs from last time is waited for again rather than piled up.
            if name in self._hanging:
                tasks[name] = self._hanging.pop(name)
            else:
                tasks[name] = asyncio.create_task(_timed(check))
        if tasks:
            await asyncio.wait(tasks.values(), timeout=_CHECK_SECONDS)
        results: dict[str, CheckResult] = {}
        for name, task in tasks.items():
            if task.done():
                results[name] = task.result()
                continue
            self._hanging[name] = task
            results[name] = CheckResult(
                Health.DEGRADED,
                f"no answer within {_CHECK_SECONDS} s",
                duration_seconds=time.monotonic() - began,
            )
        bad = {name for name, result in results.items() if result.status is not Health.OK}
        return HealthReport(
            status=Health.DEGRADED if bad else Health.OK,
            is_serving=not bad & self._critical,
            checks=results,
        )

    async def close(self) -> None:
        for task in self._hanging.values():
            task.cancel()


async def _timed(check: Check) -> CheckResult:
    began = time.monotonic()
    try:
        result = await check()
    except Exception as error:  # noqa: BLE001  # whatever is wrong is the check's finding
        first_line = str(error).partition("\n")[0][:200]
        name = type(error).__name__
        detail = f"{name}: {first_line}" if first_line else name
        return CheckResult(Health.DEGRADED, detail, duration_seconds=time.monotonic() - began)
    return CheckResult(result.status, result.detail, result.value, time.monotonic() - began)


class LoopLag:
    """How late the event loop is, as the worst of the last ten seconds."""

    def __init__(self) -> None:
        self._lags = [0.0] * _LAG_WINDOW
        self._next = 0

    async def measure(self) -> None:
        """Measure until cancelled."""
        while True:
            due = time.monotonic() + _LAG_EVERY_SECONDS
            await asyncio.sleep(_LAG_EVERY_SECONDS)
            self._lags[self._next] = max(0.0, time.monotonic() - due)
            self._next = (self._next + 1) % _LAG_WINDOW

    async def check(self) -> CheckResult:
        worst = max(self._lags)
        if worst > _LAG_DEGRADED_SECONDS:
            return CheckResult(Health.DEGRADED, f"up to {worst:.2f} s late", worst)
        return CheckResult(value=worst)


def add_database_checks(health: HealthService, database: Database) -> None:
    async def reachable() -> CheckResult:
        async with database.read() as session:
            await session.execute(text("SELECT 1"))
        return CheckResult(detail="sqlite" if database.is_sqlite else "postgresql")

    async def active_attempts() -> CheckResult:
        query = select(func.count()).select_from(Attempt).where(Attempt.finished_at.is_(None))
        async with database.read() as session:
            return CheckResult(value=await session.scalar(query) or 0)

    async def queue_length() -> CheckResult:
        query = (
            select(func.count())
            .select_from(Run)
            .where(Run.started_at.is_(None), Run.finished_at.is_(None))
        )
        async with database.read() as session:
            return CheckResult(value=await session.scalar(query) or 0)

    health.add("database", reachable, critical=True)
    health.add("active_attempts", active_attempts)
    health.add("queue_length", queue_length)


def disk_check(directory: Path, *, low_bytes: int) -> Check:
    """Check the room for the data directory; its value is the free bytes."""

    async def check() -> CheckResult:
        space = await asyncio.to_thread(space_at, directory)
        free = f"{space.free_bytes / 1000**2:,.0f} MB free on the disk of the data directory"
        if space.is_exhausted:
            return CheckResult(Health.DEGRADED, f"full: {free}", space.free_bytes)
        if space.free_bytes < low_bytes:
            return CheckResult(
                Health.DEGRADED,
                f"only {free}, less than {low_bytes / 1000**2:,.0f} MB",
                space.free_bytes,
            )
        if space.free_files is not None and space.free_files < _FEW_FILES:
            return CheckResult(
                Health.DEGRADED,
                f"room for only {space.free_files} more files on the disk of the data directory",
                space.free_bytes,
            )
        return CheckResult(detail=free, value=space.free_bytes)

    return check
