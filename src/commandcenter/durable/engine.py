"""Durable execution of runs on DBOS; the only package that knows of it.

What DBOS keeps is which runs are under way and who executes them: it starts a run again after a
crash, hands it to exactly one worker, and takes it from a dead one. The results of steps are *not*
its operations: they lie in the product's own tables under the node's name, written in one
transaction with their events. So a replay reads them by name, never by the order of calls, and
there is no second record that could disagree (docs/decisions/0002).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url

from commandcenter.kit.database import apply_sqlite_pragmas

Execute = Callable[[str], Awaitable[None]]

# A fixed name: the default is a hash of the source, and an upgrade would then strand every run
# that was under way. Raise it only when runs of the older kind cannot be continued.
_APPLICATION_VERSION = "runs-1"
_UNFINISHED = ("PENDING", "ENQUEUED")

_execute: Execute | None = None


@DBOS.workflow(name="execute_run", max_recovery_attempts=None)
async def _execute_run(run_id: str) -> None:
    if _execute is None:
        raise RuntimeError("a run was started before the executor was ready")
    await _execute(run_id)


class DurableRuns:
    """Starts runs so that a crash cannot lose them. One per process (DBOS allows no more)."""

    def __init__(self, database_url: str, *, executor_id: str, execute: Execute) -> None:
        self._url = database_url
        self._executor_id = executor_id
        self._execute = execute
        self._launched = False

    async def launch(self) -> None:
        """Open the system database and start again every run this executor left unfinished."""
        global _execute  # noqa: PLW0603  # DBOS registers functions, not bound methods
        _execute = self._execute
        logging.getLogger("dbos").setLevel(logging.WARNING)
        config: DBOSConfig = {
            "name": "commandcenter",
            "application_version": _APPLICATION_VERSION,
            "executor_id": self._executor_id,
            "enable_otlp": False,
            "log_level": "WARNING",
            "max_executor_threads": 8,
        }
        backend = make_url(self._url).get_backend_name()
        if backend == "sqlite":
            path = Path(make_url(self._url).database or "")
            engine = create_engine(f"sqlite:///{path}")
            event.listen(engine, "connect", apply_sqlite_pragmas)
            config["system_database_url"] = f"sqlite:///{path}"
            config["system_database_engine"] = engine
        else:
            config["system_database_url"] = (
                make_url(self._url).set(drivername="postgresql").render_as_string(False)
            )
        DBOS(config=config)
        # In this loop's thread, so that DBOS runs its coroutines on this loop.
        DBOS.launch()
        self._launched = True

    async def submit(self, run_id: str) -> None:
        """Start the run under a durable record. Idempotent by run id."""
        await self.resubmit(run_id, 0)

    async def resubmit(self, run_id: str, generation: int) -> None:
        """Start the run under a further record, after the earlier one came to an end."""
        with SetWorkflowID(f"{run_id}.{generation}"):
            await DBOS.start_workflow_async(_execute_run, run_id)

    async def unfinished(self) -> set[str]:
        """Return the ids of the runs that DBOS itself will start again or is executing."""
        found = await DBOS.list_workflows_async(
            status=list(_UNFINISHED), name="execute_run", load_input=False, load_output=False
        )
        return {status.workflow_id.rpartition(".")[0] for status in found}

    async def forget(self, run_ids: Sequence[str]) -> None:
        """Drop the durable records of finished runs; DBOS has no retention of its own."""
        ids: list[str] = []
        for run_id in run_ids:
            found = await DBOS.list_workflows_async(
                workflow_id_prefix=f"{run_id}.", load_input=False, load_output=False
            )
            ids.extend(status.workflow_id for status in found if status.status not in _UNFINISHED)
        if ids:
            await DBOS.delete_workflows_async(ids)

    async def close(self) -> None:
        """Stop executing. Unfinished runs stay recorded and go on at the next launch."""
        global _execute  # noqa: PLW0603  # see launch
        if self._launched:
            self._launched = False
            with suppress(asyncio.CancelledError):
                await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)
            # DBOS had made its threads those of this loop, and has ended them.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        _execute = None
