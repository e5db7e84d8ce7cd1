"""What a stack's supervisor knows, on record: one transaction per change, fenced by the epoch."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import ProjectStack, StackService
from commandcenter.stacks.states import ServiceState, StackState

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 2.0


class SupersededError(Exception):
    """Somebody else supervises the stack by now: this supervisor may write nothing more."""


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """A service as it is stored."""

    name: str
    state: ServiceState
    message: str = ""
    number: int = 0
    handle: dict[str, Any] | None = None
    was_healthy: bool = False
    failures: int = 0
    restarts: int = 0
    exit_code: int | None = None
    health_words: str = ""
    health_at: datetime | None = None
    runs_as: str = ""
    limits: dict[str, Any] | None = None
    image: dict[str, Any] | None = None
    hardening: dict[str, Any] | None = None
    started_at: datetime | None = None
    cause: str = ""  # of its last end; told with events, and not stored


@dataclass(frozen=True, slots=True)
class StackRecord:
    state: StackState
    reason: str = ""


class StackRecorder:
    """Writes for one project and one epoch, and only what changed."""

    def __init__(
        self, database: Database, events: EventStore, project_id: str, name: str, epoch: int
    ) -> None:
        self._database = database
        self._events = events
        self._project_id = project_id
        self._name = name
        self._epoch = epoch
        self._stack: StackRecord | None = None
        self._services: dict[str, ServiceRecord] = {}

    def known(self, stack: StackRecord, services: Sequence[ServiceRecord]) -> None:
        """Say what is stored already."""
        self._stack = stack
        self._services = {each.name: each for each in services}

    async def save(self, stack: StackRecord, services: Sequence[ServiceRecord]) -> None:
        """Store what differs from what was stored last; with an event for each change of state.

        Raises `SupersededError`.
        """
        changed = [each for each in services if self._services.get(each.name) != each]
        if not changed and stack == self._stack:
            return
        async with self._database.write() as session:
            await self._write_stack(session, stack)
            for record in changed:
                await self._write_service(session, record)
            # What starts does so because of the others: their news come first.
            for record in sorted(changed, key=lambda each: each.state is ServiceState.STARTING):
                before = self._services.get(record.name)
                if before is None or before.state is not record.state:
                    await self._tell_service(session, record)
            if self._stack is None or self._stack.state is not stack.state:
                await self._events.append(
                    session,
                    EventType.STACK_CHANGED,
                    subject=self._project_id,
                    project_id=self._project_id,
                    data={"project": self._name, "state": stack.state, "reason": stack.reason},
                )
        self._stack = stack
        self._services |= {each.name: each for each in changed}

    async def save_at_last(self, stack: StackRecord, services: Sequence[ServiceRecord]) -> None:
        """Do the same; a database that is away for a while is waited for."""
        while True:
            try:
                await self.save(stack, services)
            except (SupersededError, asyncio.CancelledError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the stack goes on
                logger.warning("the state of a stack cannot be stored: %s", error)
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return

    async def _write_stack(self, session: AsyncSession, stack: StackRecord) -> None:
        now = utc_now()
        values: dict[str, Any] = {
            "state": stack.state.value,
            "reason": stack.reason,
            "changed_at": now,
        }
        before = self._stack.state if self._stack is not None else None
        if stack.state is not before and stack.state is StackState.STOPPED:
            values["last_stopped_at"] = now
        done = await session.execute(
            update(ProjectStack)
            .where(ProjectStack.project_id == self._project_id, ProjectStack.epoch == self._epoch)
            .values(**values)
        )
        if not getattr(done, "rowcount", 0):
            raise SupersededError(self._project_id)

    async def _write_service(self, session: AsyncSession, record: ServiceRecord) -> None:
        await session.execute(
            update(StackService)
            .where(StackService.project_id == self._project_id, StackService.name == record.name)
            .values(
                state=record.state.value,
                message=record.message,
                number=record.number,
                handle=record.handle,
                was_healthy=record.was_healthy,
                failures=record.failures,
                restarts=record.restarts,
                exit_code=record.exit_code,
                health_words=record.health_words,
                health_at=record.health_at,
                runs_as=record.runs_as,
                limits=record.limits,
                image=record.image,
                hardening=record.hardening,
                started_at=record.started_at,
                changed_at=utc_now(),
            )
        )

    async def _tell_service(self, session: AsyncSession, record: ServiceRecord) -> None:
        await self._events.append(
            session,
            EventType.STACK_SERVICE_CHANGED,
            subject=f"{self._project_id}/{record.name}"[:200],
            project_id=self._project_id,
            data={
                "project": self._name,
                "service": record.name,
                "state": record.state,
                "message": record.message,
                "health": record.health_words,
                "restarts": record.restarts,
                "cause": record.cause,
            },
        )
