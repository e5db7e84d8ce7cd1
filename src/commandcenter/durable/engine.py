"""Durable execution of runs on DBOS; the only package that knows of it.

What DBOS keeps is which runs are under way and who executes them: it starts a run again after a
crash, and hands it to exactly one worker. The results of steps are *not* its operations: they lie
in the product's own tables under the node's name, written in one transaction with their events. So
a replay reads them by name, never by the order of calls, and there is no second record that could
disagree (docs/decisions/0002).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowStatus, _workflow_commands
from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url

from commandcenter.kit.database import IDLE_TRANSACTION_SECONDS
from commandcenter.kit.errors import UnavailableError
from commandcenter.kit.sqlite import apply_sqlite_pragmas

Execute = Callable[[str], Awaitable[bool]]

# A fixed name: the default is a hash of the source, and an upgrade would then strand every run
# that was under way. Raise it only when runs of the older kind cannot be continued.
APPLICATION_VERSION = "runs-1"
QUEUE = "runs"
# Most that one process executes at once of those it took from the queue. High, because runs that
# wait for people count as well; what runs at once is limited by the places for attempts.
_RUNS_FROM_QUEUE = 500
_QUEUE_POLLING_SECONDS = 1.0
_UNUSED_JOBS_SECONDS = 4.0  # DBOS ends a holder of its lock that idles for five
_DESTROY_SECONDS = 4.0
_WAKE_UP_SECONDS = 0.1
_LIST_SECONDS = 30.0
_UNFINISHED = ("PENDING", "ENQUEUED")
_ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_WORKFLOW = "execute_run"

logger = logging.getLogger(__name__)

_execute: Execute | None = None


# Without a limit of DBOS's own, which would leave the run unfinished for ever. The executor has
# one, and ends the run.
@DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)
async def _execute_run(run_id: str) -> None:
    if _execute is None or not await _execute(run_id):
        # The one way to stop that leaves the record open, for the next start or another worker.
        raise asyncio.CancelledError


class DurableUnavailableError(UnavailableError):
    code = "durable_execution_unavailable"
    title = "The records of runs cannot be read"


@dataclass(frozen=True, slots=True)
class DurableRecord:
    """The open record of a run: who executes it, or nobody yet."""

    record_id: str
    executor_id: str | None  # None: it waits in the queue


class DurableRuns:
    """Starts runs so that a crash cannot lose them. One per process (DBOS allows no more)."""

    def __init__(
        self,
        database_url: str,
        *,
        executor_id: str,
        execute: Execute,
    ) -> None:
        """`executor_id` is unique among live processes and stays the same over restarts.

        A run starts in this process at once. What is taken from a dead process goes, on PostgreSQL,
        to a queue that every process serves: polled once a second, so that an idle one stays idle.
        """
        self._url = database_url
        self._executor_id = executor_id
        self._execute = execute
        self._is_shared = make_url(database_url).get_backend_name() != "sqlite"
        self._launched = False

    async def launch(self) -> None:
        """Open the system database and start again every run this executor left unfinished."""
        global _execute  # noqa: PLW0603  # DBOS registers functions, not bound methods
        _execute = self._execute
        _quieten()
        # In this loop's thread, so that DBOS runs its coroutines on this loop.
        DBOS(config=self._config())
        _slow_what_is_unused()
        DBOS.launch()
        self._launched = True
        if self._is_shared:
            await DBOS.register_queue_async(
                QUEUE,
                worker_concurrency=_RUNS_FROM_QUEUE,
                polling_interval_sec=_QUEUE_POLLING_SECONDS,
                on_conflict="always_update",
            )

    async def submit(self, run_id: str) -> None:
        """Start the run under a durable record; nothing happens if it is there, whoever made it."""
        await self._start(f"{run_id}.0", run_id)

    async def resubmit(self, run_id: str) -> bool:
        """Start the run under a further record, unless it has an open one; whether that was done.

        Processes that do so at once agree on the record's name, so that one of them wins.
        """
        found = await self._list(
            workflow_id_prefix=f"{run_id}.", load_input=False, load_output=False
        )
        if any(status.status in _UNFINISHED for status in found):
            return False
        await self._start(f"{run_id}.{len(found)}", run_id)
        return True

    async def open_records(self) -> dict[str, DurableRecord]:
        """Return the open record of each run that has one."""
        found = await self._list(
            status=list(_UNFINISHED), name=_WORKFLOW, load_input=False, load_output=False
        )
        return {
            status.workflow_id.rpartition(".")[0]: DurableRecord(
                record_id=status.workflow_id,
                executor_id=status.executor_id if status.status == "PENDING" else None,
            )
            for status in found
        }

    async def take_over(self, records: Sequence[DurableRecord]) -> None:
        """Put records of a dead or forgetful executor back, for whoever is free."""
        if records:
            await DBOS.resume_workflows_async(
                [record.record_id for record in records],
                queue_name=QUEUE if self._is_shared else None,
            )

    async def ended_runs(self, *, before: datetime, limit: int) -> set[str]:
        """Return runs whose record ended before then, the oldest of up to `limit` records."""
        found = await self._list(
            status=list(_ENDED),
            name=_WORKFLOW,
            completed_before=before.isoformat(),
            limit=limit,
            load_input=False,
            load_output=False,
        )
        return {status.workflow_id.rpartition(".")[0] for status in found}

    async def forget(self, run_ids: Sequence[str]) -> int:
        """Drop the ended records of finished runs; DBOS has no retention of its own."""
        if not run_ids:
            return 0
        found = await self._list(
            workflow_id_prefix=[f"{run_id}." for run_id in run_ids],
            load_input=False,
            load_output=False,
        )
        ids = [status.workflow_id for status in found if status.status not in _UNFINISHED]
        if ids:
            await DBOS.delete_workflows_async(ids)
        return len(ids)

    async def close(self) -> None:
        """Stop executing. Unfinished runs stay recorded and go on at the next launch."""
        global _execute  # noqa: PLW0603  # see launch
        if self._launched:
            self._launched = False
            with suppress(asyncio.CancelledError):
                # DBOS waits for its threads, and a thread for a database that does not answer.
                destroying = asyncio.ensure_future(
                    asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)
                )
                _, pending = await asyncio.wait([destroying], timeout=_DESTROY_SECONDS)
                if pending:
                    logger.warning("durable execution did not end in %s s", _DESTROY_SECONDS)
                    destroying.cancel()
                else:
                    destroying.result()
            # DBOS had made its threads those of this loop, and has ended them.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        _execute = None

    async def _list(self, **wanted: Any) -> list[WorkflowStatus]:
        """Ask within a deadline: DBOS itself waits for its database however long it is away."""
        try:
            async with asyncio.timeout(_LIST_SECONDS):
                return await DBOS.list_workflows_async(**wanted)
        except TimeoutError:
            raise DurableUnavailableError(
                f"The records of runs could not be read within {_LIST_SECONDS:.0f} s.",
                hint="Look at the database: it does not answer, or is very slow.",
            ) from None

    async def _start(self, record_id: str, run_id: str) -> None:
        with SetWorkflowID(record_id):
            await DBOS.start_workflow_async(_execute_run, run_id)

    def _config(self) -> DBOSConfig:
        config: DBOSConfig = {
            "name": "commandcenter",
            "application_version": APPLICATION_VERSION,
            "executor_id": self._executor_id,
            "enable_otlp": False,
            "log_level": "WARNING",
            "max_executor_threads": 8,
            "sys_db_idle_transaction_timeout_sec": IDLE_TRANSACTION_SECONDS,
        }
        if self._is_shared:
            config["system_database_url"] = (
                make_url(self._url).set(drivername="postgresql").render_as_string(False)
            )
            return config
        path = Path(make_url(self._url).database or "")
        engine = create_engine(f"sqlite:///{path}")
        event.listen(engine, "connect", apply_sqlite_pragmas)
        config["system_database_url"] = f"sqlite:///{path}"
        config["system_database_engine"] = engine
        # Its thread looks at lists that stay empty here; the end waits for it to wake up.
        config["notification_listener_polling_interval_sec"] = _WAKE_UP_SECONDS
        return config


def _slow_what_is_unused() -> None:
    """Have DBOS look seldom for what this product never asks of it: delays and deadlines.

    Looking every second was a quarter of what an idle process did, and DBOS has no setting for it:
    its version is pinned, and `test_settings` sees a change. Its internal queue is not to be
    slowed, for what a restart finds goes through it.
    """
    _workflow_commands._BACKGROUND_JOBS_INTERVAL_SEC = _UNUSED_JOBS_SECONDS  # noqa: SLF001  # see above


def _quieten() -> None:
    """Leave of DBOS's log what concerns an operator."""
    logger = logging.getLogger("dbos")
    logger.setLevel(logging.WARNING)
    if not any(isinstance(known, _WithoutHandOver) for known in logger.filters):
        logger.addFilter(_WithoutHandOver())


class _WithoutHandOver(logging.Filter):
    """Drops the warning about the cancelled task with which a drained run is left open."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "Asyncio task cancelled" not in record.getMessage()
