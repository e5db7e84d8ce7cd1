"""What callers may do with runs: start, look, cancel, run again."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from commandcenter.auth.audit import record
from commandcenter.auth.identity import Caller
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import Run, Workflow
from commandcenter.runs.create import RunCreation, RunRequest
from commandcenter.runs.errors import RunFinishedError
from commandcenter.runs.queries import (
    RunDetail,
    RunFilter,
    causes_of,
    find_run,
    run_detail,
    run_page,
)
from commandcenter.runs.rerun import RerunRequest, plan_rerun
from commandcenter.runs.states import RunState
from commandcenter.runs.unstarted import end_unstarted

logger = logging.getLogger(__name__)

Submit = Callable[[str], Awaitable[None]]

_ENDED = {
    RunState.SUCCEEDED: "has succeeded",
    RunState.FAILED: "has failed",
    RunState.CANCELLED: "was cancelled",
}


class RunService:
    def __init__(
        self, database: Database, events: EventStore, creation: RunCreation, submit: Submit
    ) -> None:
        """`submit` hands a stored run to durable execution; a restart does the same for any run
        that was stored and not submitted.
        """
        self._database = database
        self._events = events
        self._creation = creation
        self._submit = submit

    async def start(self, caller: Caller, request: RunRequest) -> tuple[Run, bool]:
        """Store and start a run; with a known idempotency key the first one, and False."""
        try:
            run, created = await self._store(caller, request)
        except IntegrityError:
            # The same key a moment earlier, in a transaction that this one could not see.
            if request.idempotency_key is None:
                raise
            run, created = await self._store(caller, request)
        if created:
            await self._hand_over(run.id)
        return run, created

    async def _store(self, caller: Caller, request: RunRequest) -> tuple[Run, bool]:
        async with self._database.write() as session:
            return await self._creation.create(session, caller, request)

    async def rerun(self, caller: Caller, run_id: str, request: RerunRequest) -> Run:
        """Start a new run from an ended one; see `plan_rerun`."""
        async with self._database.write() as session:
            old = await find_run(session, run_id)
            creation = self._creation
            planned = await plan_rerun(session, creation.workflows, creation.agents, old, request)
            run, _ = await creation.create(session, caller, planned)
        await self._hand_over(run.id)
        return run

    async def cancel(self, caller: Caller, run_id: str) -> Run:
        """Ask the run to stop; idempotent while it is stopping. Its executor does the rest.

        A run that nobody executes yet ends at once.
        """
        async with self._database.write() as session:
            run = await find_run(session, run_id, for_update=True)
            if RunState(run.state).is_final:
                raise RunFinishedError(
                    f"Run {run.id} {_ENDED[RunState(run.state)]}; there is nothing to cancel.",
                    fields={"state": run.state},
                )
            if run.cancel_requested_at is not None:
                return run
            await session.execute(
                update(Run).where(Run.id == run.id).values(cancel_requested_at=utc_now())
            )
            await record(session, caller, "run.cancel", run.id, {})
            await self._events.append(
                session,
                EventType.RUN_CANCEL_REQUESTED,
                subject=run.id,
                run_id=run.id,
                project_id=run.project_id,
                data={"by": caller.name},
            )
            if run.state == RunState.QUEUED.value:
                await end_unstarted(session, self._events, run, RunState.CANCELLED)
        async with self._database.read() as session:
            return await find_run(session, run_id)

    async def _hand_over(self, run_id: str) -> None:
        """Start the stored run. A failure loses nothing: the keeper finds it and tries again."""
        try:
            await self._submit(run_id)
        except Exception:
            logger.exception("run %s is stored and will be started later", run_id)

    async def get(self, run_id: str) -> tuple[RunDetail, dict[str, list[str]]]:
        """Return the run, and which nodes each node needs."""
        async with self._database.read() as session:
            detail = await run_detail(session, run_id)
            workflow = await session.get_one(Workflow, detail.run.workflow_id)
        definition = (await self._creation.workflows.plan_of(workflow.source)).definition
        return detail, {node.name: list(node.needs) for node in definition.nodes}

    async def page(
        self, wanted: RunFilter, *, cursor: str | None, limit: int
    ) -> tuple[Sequence[Run], Mapping[str, str]]:
        """Return runs, the newest first, and by id why a step of one failed.

        `cursor` is the id of the last run seen.
        """
        async with self._database.read() as session:
            after = await find_run(session, cursor) if cursor else None
            runs = await run_page(session, wanted, after=after, limit=limit)
            return runs, await causes_of(session, runs)
