"""Deleting old logs: those of runs that ended long ago, then the oldest until the rest fits."""

import asyncio
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.logs import repository


@dataclass(frozen=True, slots=True)
class Pruned:
    runs: int
    freed_bytes: int
    kept_bytes: int


@dataclass(frozen=True, slots=True)
class _RunLogs:
    run_id: str
    directory: Path
    size: int
    changed_at: datetime


async def prune_logs(
    database: Database, directory: Path, *, keep: timedelta, max_total_bytes: int
) -> Pruned:
    """Delete logs by age and total size; idempotent, and safe to interrupt.

    The logs of a run that has not ended always stay. Logs of a run that is not known (any more)
    go by the time of their last change.
    """
    found = await asyncio.to_thread(_run_logs, directory)
    async with database.read() as session:
        finished = await repository.finished_at(session, [logs.run_id for logs in found])
    ended = sorted(
        ((finished.get(logs.run_id, logs.changed_at), logs) for logs in found),
        key=lambda pair: (pair[0] or datetime.max.replace(tzinfo=UTC), pair[1].run_id),
    )
    total = sum(logs.size for logs in found)
    cutoff = utc_now() - keep
    doomed: list[_RunLogs] = []
    freed = 0
    for at, logs in ended:
        if at is None or (at >= cutoff and total - freed <= max_total_bytes):
            break
        doomed.append(logs)
        freed += logs.size
    await asyncio.to_thread(_delete, doomed)
    return Pruned(runs=len(doomed), freed_bytes=freed, kept_bytes=total - freed)


def _run_logs(directory: Path) -> list[_RunLogs]:
    if not directory.is_dir():
        return []
    found = []
    for folder in directory.iterdir():
        if not folder.is_dir() or folder.is_symlink():
            continue
        size, changed = 0, folder.stat().st_mtime
        for here, _, files in os.walk(folder):
            for name in files:
                try:
                    status = (Path(here) / name).lstat()
                except FileNotFoundError:  # a segment dropped by its writer meanwhile
                    continue
                size += status.st_blocks * 512
                changed = max(changed, status.st_mtime)
        at = datetime.fromtimestamp(changed, UTC)
        found.append(_RunLogs(folder.name, folder, size, at))
    return found


def _delete(doomed: Sequence[_RunLogs]) -> None:
    for logs in doomed:
        shutil.rmtree(logs.directory, ignore_errors=True)
