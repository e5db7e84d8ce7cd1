"""People's own limits, ports and runtime for the stack of a project."""

from collections.abc import Mapping
from typing import Any

from commandcenter.auth.audit import record
from commandcenter.auth.identity import Caller
from commandcenter.kit.database import Database
from commandcenter.models import ProjectStack
from commandcenter.stacks.begin import StackBeginnings
from commandcenter.stacks.definition import Wishes, merged_wishes
from commandcenter.stacks.errors import UnknownServiceError
from commandcenter.stacks.ports import refuse_held
from commandcenter.stacks.reserve import reserve_ports
from commandcenter.stacks.service import StackManager


class StackChanges:
    def __init__(
        self, database: Database, beginnings: StackBeginnings, stacks: StackManager
    ) -> None:
        self._database = database
        self._beginnings = beginnings
        self._stacks = stacks

    async def change(self, caller: Caller, reference: str, wishes: Mapping[str, Any]) -> None:
        """Change people's wishes, given as a `StackChange` has them; what is not there stays.

        None takes a wish back. They hold from the next start on. Raises `UnknownServiceError`,
        `UnknownRuntimeError`, and `PortConflictError` for ports that others have.
        """
        if wishes.get("runtime") is not None:
            self._beginnings.runtimes.get(wishes["runtime"])
        project = await self._stacks.open(reference)
        async with self._stacks.alone(project.id):
            known = await self._stacks.service_names(project)
            for name in (*wishes.get("limits", ()), *wishes.get("ports", ())):
                if name not in known:
                    raise UnknownServiceError(name, known)
            async with self._database.write() as session:
                row = await session.get(ProjectStack, project.id)
                if row is None:
                    row = self._beginnings.new_row(project.id)
                    session.add(row)
                row.wishes = merged_wishes(row.wishes, wishes)
                await session.flush()
                await refuse_held(
                    session,
                    owner=self._beginnings.options.owner,
                    project_id=project.id,
                    wanted=Wishes.of(row.wishes).ports,
                )
                await record(session, caller, "stack.change", project.id, wishes)
            if self._stacks.supervisor(project.id) is None:
                await reserve_ports(self._database, self._beginnings, project)
