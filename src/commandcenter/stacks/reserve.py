"""Ports for a project's services from the moment it is added, so that they can be told."""

from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.kit.database import Database
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Project, ProjectStack
from commandcenter.stacks.begin import StackBeginnings
from commandcenter.stacks.errors import NoPortLeftError, PortConflictError
from commandcenter.stacks.port_giving import give_ports


async def reserve_ports(database: Database, beginnings: StackBeginnings, project: Project) -> None:
    """Give each service of a stack that does not run its ports; idempotent.

    What stands against it is no error here: the status tells it, and a start refuses.
    """
    try:
        found = await beginnings.outline(project)
    except ProblemError:  # seen anew whenever the status is asked for
        return
    reason = ""
    try:
        async with database.write() as session:
            await _row(session, beginnings, project)
            await give_ports(
                session,
                owner=beginnings.options.owner,
                project_id=project.id,
                needs=found.port_needs,
                pool=beginnings.options.ports,
            )
    except (PortConflictError, NoPortLeftError) as error:
        reason = f"{error.detail} {error.hint or ''}".strip()
    async with database.write() as session:
        row = await _row(session, beginnings, project)
        if row.last_started_at is None:
            row.reason = reason


async def _row(
    session: AsyncSession, beginnings: StackBeginnings, project: Project
) -> ProjectStack:
    row = await session.get(ProjectStack, project.id, with_for_update=True)
    if row is None:
        row = beginnings.new_row(project.id)
        session.add(row)
        await session.flush()
    return row
