"""Workflow definitions: checked against the engine and the registry, kept with versions."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.agents.errors import AgentNotFoundError, AgentRetiredError
from commandcenter.agents.service import AgentService
from commandcenter.auth.audit import record
from commandcenter.auth.identity import Caller
from commandcenter.engine.definition import WorkflowDefinition
from commandcenter.engine.issues import Issue, WorkflowInvalidError, did_you_mean
from commandcenter.engine.parse import parse_workflow
from commandcenter.engine.plan import Plan, plan
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.ids import new_id
from commandcenter.models import Agent, Workflow
from commandcenter.workflows import repository
from commandcenter.workflows.errors import WorkflowNotFoundError, WorkflowRetiredError
from commandcenter.workflows.places import Places
from commandcenter.workflows.registry_check import (
    RegistryView,
    agent_reference,
    registry_issues,
)

_REMEMBERED = 128
_REMEMBERED_DESCRIPTIONS = 2000
_MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class Created:
    workflow: Workflow
    created: bool


@dataclass(frozen=True, slots=True)
class Described:
    """A version with its plan, and the agent each node would get now (None: there is none)."""

    workflow: Workflow
    plan: Plan
    agents: dict[str, Agent | None]


@dataclass(frozen=True, slots=True)
class Listed:
    """A version as it stands in a list; `author` is a name, or an id where that is not known."""

    workflow: Workflow
    description: str | None
    author: str


class WorkflowService:
    def __init__(self, database: Database, events: EventStore, agents: AgentService) -> None:
        self._database = database
        self._events = events
        self._agents = agents
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._descriptions: OrderedDict[str, str | None] = OrderedDict()

    async def create(self, caller: Caller, source: str, *, revive: bool = True) -> Created:
        """Store the definition as the next version of its name.

        The text of the latest version again returns that version. Raises `WorkflowInvalidError`
        with every problem, and then stores nothing. With `revive=False` a retired name stays so.
        """
        digest = source_digest(source)
        checked = await self.plan_of(source)
        definition = checked.definition
        async with self._database.read() as session:
            usable = await repository.usable(session, definition.name)
        if usable is not None and usable.digest == digest:
            return Created(usable, created=False)
        await self._check_registry(definition, source)
        async with self._database.write() as session:
            await repository.lock(session)
            usable = await repository.usable(session, definition.name)
            if usable is not None and usable.digest == digest:
                return Created(usable, created=False)
            newest = await repository.newest(session, definition.name)
            if newest is not None and newest.retired_at is not None and not revive:
                return Created(newest, created=False)
            workflow = Workflow(
                id=new_id("workflow"),
                name=definition.name,
                version=newest.version + 1 if newest else 1,
                source=source,
                digest=digest,
                created_at=utc_now(),
                created_by=caller.principal_id,
            )
            session.add(workflow)
            data = {"name": workflow.name, "version": workflow.version, "digest": digest}
            await record(session, caller, "workflow.create", workflow.id, data)
            await self._events.append(
                session, EventType.WORKFLOW_CREATED, subject=workflow.id, data=data
            )
        return Created(workflow, created=True)

    async def validate(self, source: str) -> tuple[Plan | None, tuple[Issue, ...]]:
        """Return the plan, if there is one, and everything wrong; stores nothing."""
        try:
            checked = await self.plan_of(source)
            await self._check_registry(checked.definition, source)
        except WorkflowInvalidError as error:
            return None, error.issues
        return checked, ()

    async def describe(self, reference: str) -> Described:
        """Return a workflow by name (its current version), `name@version` or id, with its plan."""
        async with self._database.read() as session:
            workflow = await self.find(session, reference)
            plan = await self.plan_of(workflow.source)
            agents = await self.agents_of(session, plan.definition)
        return Described(workflow, plan, agents)

    async def describe_source(self, plan: Plan) -> dict[str, Agent | None]:
        """Return the agent that each node of a plan would get now."""
        async with self._database.read() as session:
            return await self.agents_of(session, plan.definition)

    async def find(self, session: AsyncSession, reference: str) -> Workflow:
        """Return a workflow by id, name or `name@version`; retired ones are found as well."""
        name, at, version = reference.partition("@")
        found: Workflow | None = None
        if at:
            if version.isascii() and version.isdecimal() and len(version) < 10:  # noqa: PLR2004 - fits the column
                found = await repository.by_version(session, name, int(version))
        else:
            found = (
                await repository.by_id(session, name)
                or await repository.usable(session, name)
                or await repository.newest(session, name)
            )
        if found is not None:
            return found
        near = did_you_mean(name, await repository.active_names(session))
        raise WorkflowNotFoundError(
            f"there is no workflow {reference[:100]!r}",
            hint=near or "commandcenter workflows list shows all.",
        )

    async def usable(self, session: AsyncSession, reference: str) -> Workflow:
        """Return the version that a new run takes. Raises `WorkflowRetiredError`."""
        workflow = await self.find(session, reference)
        if workflow.retired_at is not None:
            raise WorkflowRetiredError(
                f"workflow {workflow.name!r} version {workflow.version} was retired",
                hint="Use another one, or create it again from its source.",
            )
        return workflow

    async def agents_of(
        self, session: AsyncSession, definition: WorkflowDefinition
    ) -> dict[str, Agent | None]:
        """Return the revision that each node would get now, by the node's name."""
        registry = await self._registry(session, definition)
        return {node.name: registry.usable.get(agent_reference(node)) for node in definition.nodes}

    async def page(self, *, after: str | None, limit: int, retired: bool) -> list[Listed]:
        async with self._database.read() as session:
            found = await repository.page(session, after=after, limit=limit, retired=retired)
            return await self._listed(session, found)

    async def versions(self, reference: str, *, below: int | None, limit: int) -> list[Listed]:
        async with self._database.read() as session:
            workflow = await self.find(session, reference)
            found = await repository.version_page(session, workflow.name, below=below, limit=limit)
            return await self._listed(session, found)

    async def _listed(self, session: AsyncSession, found: Sequence[Workflow]) -> list[Listed]:
        names = await repository.author_names(session, {each.created_by for each in found})
        return [
            Listed(each, await self._description(each), names.get(each.created_by, each.created_by))
            for each in found
        ]

    async def _description(self, workflow: Workflow) -> str | None:
        """Return what the text says of itself; a version never changes, so it is read once."""
        if workflow.id not in self._descriptions:
            try:
                definition = (await self.plan_of(workflow.source)).definition
            except WorkflowInvalidError:  # by the rules of today
                return None
            self._descriptions[workflow.id] = definition.description
            while len(self._descriptions) > _REMEMBERED_DESCRIPTIONS:
                self._descriptions.popitem(last=False)
        return self._descriptions[workflow.id]

    async def retire(self, caller: Caller, reference: str) -> Workflow:
        """Keep new runs from using it: all versions by name, or the one named; idempotent."""
        async with self._database.write() as session:
            await repository.lock(session)
            workflow = await self.find(session, reference)
            going = (
                await repository.unretired(session, workflow.name)
                if reference == workflow.name
                else [workflow] * (workflow.retired_at is None)
            )
            if not going:
                return workflow
            for version in going:
                version.retired_at = utc_now()
            data = {"name": workflow.name, "versions": [version.version for version in going]}
            await record(session, caller, "workflow.retire", workflow.id, data)
            await self._events.append(
                session, EventType.WORKFLOW_RETIRED, subject=workflow.id, data=data
            )
        return workflow

    async def plan_of(self, source: str) -> Plan:
        """Return the plan of a text; the same text is parsed once. Raises WorkflowInvalidError."""
        digest = source_digest(source)
        found = self._plans.get(digest)
        if found is None:
            found = self._plans[digest] = await asyncio.to_thread(_parse, source)
            while len(self._plans) > _REMEMBERED:
                self._plans.popitem(last=False)
        return found

    async def _check_registry(self, definition: WorkflowDefinition, source: str) -> None:
        async with self._database.read() as session:
            registry = await self._registry(session, definition)
        issues = await asyncio.to_thread(registry_issues, definition, registry, Places(source))
        if issues:
            raise WorkflowInvalidError(f"The workflow {definition.name}", issues)

    async def _registry(
        self, session: AsyncSession, definition: WorkflowDefinition
    ) -> RegistryView:
        usable: dict[str, Agent] = {}
        retired: set[str] = set()
        for node in definition.nodes:
            reference = agent_reference(node)
            if reference in usable or reference in retired:
                continue
            try:
                usable[reference] = await self._agents.usable(
                    session, node.agent, node.agent_version
                )
            except AgentRetiredError:
                retired.add(reference)
            except AgentNotFoundError:
                continue
        return RegistryView(usable, retired, await self._agents.names(session))


def source_digest(source: str) -> str:
    return hashlib.sha256(source.encode(errors="surrogatepass")).hexdigest()


def _parse(source: str) -> Plan:
    definition = parse_workflow(source)
    if len(definition.name) > _MAX_NAME:
        line, column = Places(source).of(("name",))
        issue = Issue("name", line, column, f"the name is longer than {_MAX_NAME} characters")
        raise WorkflowInvalidError("The workflow definition", [issue])
    return plan(definition)
