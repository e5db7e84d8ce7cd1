"""Keeping what lies beside the database within its bounds: logs and artifacts."""

import asyncio
from datetime import timedelta
from pathlib import Path

import structlog

from commandcenter.artifacts.service import ArtifactService
from commandcenter.kit.database import Database
from commandcenter.logs.retention import prune_logs

_FIRST_SECONDS = 90.0
_PAUSE_SECONDS = 3600.0
_log = structlog.get_logger(__name__)


async def keep_files_bounded(
    database: Database,
    artifacts: ArtifactService,
    logs: Path,
    *,
    keep: timedelta,
    max_log_bytes: int,
) -> None:
    """Prune soon after the start and then once an hour, until cancelled."""
    await asyncio.sleep(_FIRST_SECONDS)
    while True:
        try:
            await prune_logs(database, logs, keep=keep, max_total_bytes=max_log_bytes)
            await artifacts.collect_garbage()
        except Exception as error:  # noqa: BLE001  # tried again in an hour, and said
            _log.error("file_retention_failed", exc_info=error)
        await asyncio.sleep(_PAUSE_SECONDS)
