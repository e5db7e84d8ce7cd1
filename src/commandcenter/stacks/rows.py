"""The rows of a stack's services, and what they mean to a supervisor."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.kit.clock import utc_now
from commandcenter.models import StackService
from commandcenter.stacks.member import Member
from commandcenter.stacks.model import Service, Stack
from commandcenter.stacks.pending import stored_limits
from commandcenter.stacks.recorder import ServiceRecord
from commandcenter.stacks.resources import ServiceLimits
from commandcenter.stacks.states import Desired, ServiceState


async def read_services(session: AsyncSession, project_id: str) -> list[StackService]:
    """Return the services of the present definition, in its order."""
    query = (
        select(StackService)
        .where(StackService.project_id == project_id, StackService.is_defined)
        .order_by(StackService.position)
    )
    return list(await session.scalars(query))


async def store_services(
    session: AsyncSession,
    project_id: str,
    stack: Stack,
    own: Mapping[str, ServiceLimits],
    *,
    state: ServiceState = ServiceState.PENDING,
) -> dict[str, ServiceRecord]:
    """Store the services, as pending; attempt numbers go on from where they were.

    `own` are the limits of the definition itself, without people's wishes.
    """
    query = select(StackService).where(StackService.project_id == project_id)
    rows = {row.name: row for row in await session.scalars(query)}
    for row in rows.values():
        row.is_defined = False
    for position, service in enumerate(stack.services):
        if service.name not in rows:
            rows[service.name] = StackService(project_id=project_id, name=service.name, number=0)
            session.add(rows[service.name])
        row = rows[service.name]
        row.position = position
        row.is_defined = True
        row.state = state.value
        row.message = row.health_words = row.runs_as = ""
        row.was_healthy = False
        row.failures = row.restarts = 0
        row.exit_code = row.handle = row.health_at = row.started_at = None
        row.image = row.hardening = None
        row.limits = stored_limits(service.limits, own[service.name])
        row.changed_at = utc_now()
    await session.flush()
    return {service.name: record_of(rows[service.name]) for service in stack.services}


def record_of(row: StackService) -> ServiceRecord:
    """Return the row as the recorder compares it."""
    return ServiceRecord(
        name=row.name,
        state=ServiceState(row.state),
        message=row.message,
        number=row.number,
        handle=row.handle,
        was_healthy=row.was_healthy,
        failures=row.failures,
        restarts=row.restarts,
        exit_code=row.exit_code,
        health_words=row.health_words,
        health_at=row.health_at,
        runs_as=row.runs_as,
        limits=row.limits,
        image=row.image,
        hardening=row.hardening,
        started_at=row.started_at,
    )


def found_member(service: Service, stored: ServiceRecord, desired: Desired) -> Member:
    """Return the service as its supervision goes on after the hub was away."""
    state = stored.state
    if state is ServiceState.STOPPING:
        # Whether it was told to end is not known: it is told again, if that is still wanted.
        state = ServiceState.HEALTHY if stored.was_healthy else ServiceState.STARTING
    elif state is ServiceState.UNHEALTHY:
        state = ServiceState.HEALTHY  # asked anew; the misses are counted again
    elif state is ServiceState.STOPPED and desired is Desired.RUNNING:
        state = ServiceState.PENDING
    return Member(
        service.name,
        service.restart,
        state=state,
        number=stored.number,
        was_healthy=stored.was_healthy,
        failures=stored.failures,
        restarts=stored.restarts,
        message=stored.message,
    )
