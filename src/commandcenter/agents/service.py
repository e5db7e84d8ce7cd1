"""The registry: which agents there are, in which revisions, and where their content lies."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.agents import repository
from commandcenter.agents.errors import AgentNotFoundError, AgentRetiredError
from commandcenter.agents.manifest import AgentManifest, load_manifest
from commandcenter.agents.manifest import digest as folder_digest
from commandcenter.agents.store import AgentStore
from commandcenter.agents.values import ValueChecker, check_patterns
from commandcenter.auth.audit import record
from commandcenter.auth.identity import Caller
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.ids import new_id
from commandcenter.models import Agent
from commandcenter.projects.roots import AllowedRoots

_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Registered:
    agent: Agent
    created: bool
    warnings: tuple[str, ...] = ()


class AgentService:
    def __init__(
        self,
        database: Database,
        events: EventStore,
        store: AgentStore,
        roots: AllowedRoots,
        trusted_folders: Sequence[Path] = (),
    ) -> None:
        """`trusted_folders` hold agents that may be registered though outside the roots."""
        self._database = database
        self._events = events
        self._store = store
        self._roots = roots
        self._trusted = tuple(folder.resolve() for folder in trusted_folders)
        self._checker = ValueChecker()
        self._manifests: OrderedDict[str, AgentManifest] = OrderedDict()

    async def register(self, caller: Caller, folder: str) -> Registered:
        """Register the agent in `folder`; the same content again returns the same revision.

        Raises the path errors of `AllowedRoots.check`, `ManifestError`, `AgentSchemaError`.
        """
        return await self.register_folder(caller, await asyncio.to_thread(self._allowed, folder))

    async def register_folder(self, caller: Caller, folder: Path) -> Registered:
        """Do the same for a folder that needs no permission: built in, or set by the operator."""
        manifest, digest = await asyncio.to_thread(self._take, folder)
        async with self._database.write() as session:
            await repository.lock(session)
            usable = await repository.usable(session, manifest.name)
            if usable is not None and usable.digest == digest:
                return Registered(usable, created=False)
            current = await repository.current(session, manifest.name)
            agent = Agent(
                id=new_id("agent"),
                name=manifest.name,
                revision=current.revision + 1 if current else 1,
                version=manifest.version,
                digest=digest,
                manifest=manifest.to_json(),
                registered_at=utc_now(),
                registered_by=caller.principal_id,
            )
            warnings = await _warnings(session, agent)
            session.add(agent)
            data = {
                "name": agent.name,
                "version": agent.version,
                "revision": agent.revision,
                "digest": digest,
            }
            await record(session, caller, "agent.register", agent.id, data)
            await self._events.append(
                session, EventType.AGENT_REGISTERED, subject=agent.id, data=data
            )
        return Registered(agent, created=True, warnings=warnings)

    async def register_at_start(self, caller: Caller, folder: Path) -> Registered:
        """Register a folder unless its agent is known in just this form, or was retired."""
        digest = await asyncio.to_thread(folder_digest, folder)
        async with self._database.read() as session:
            current = await repository.current_with_digest(session, digest)
        if current is not None and await asyncio.to_thread(
            self._store.holds, current.name, current.digest
        ):
            return Registered(current, created=False)
        manifest = await asyncio.to_thread(load_manifest, folder)
        async with self._database.read() as session:
            current = await repository.current(session, manifest.name)
        if current is not None and current.retired_at is not None:
            return Registered(current, created=False)
        return await self.register_folder(caller, folder)

    async def sweep(self) -> None:
        """Remove what interrupted registrations left behind."""
        await asyncio.to_thread(self._store.sweep)

    async def get(self, reference: str) -> Agent:
        """Return an agent by id, by `name` (its current revision) or by `name@version`."""
        async with self._database.read() as session:
            return await self.find(session, reference)

    async def find(self, session: AsyncSession, reference: str) -> Agent:
        """Do the same within a transaction. Retired ones are found as well."""
        name, at, version = reference.partition("@")
        if at:
            agent = await repository.by_version(session, name, version)
        else:
            agent = (
                await repository.usable(session, name)
                or await repository.current(session, name)
                or await repository.by_id(session, name)
            )
        if agent is not None:
            return agent
        known = await repository.active_names(session)
        near = get_close_matches(name[:100], known, n=1)
        raise AgentNotFoundError(
            f"there is no agent {reference[:100]!r}",
            hint=f"Did you mean {near[0]!r}?" if near else "commandcenter agents list shows all.",
        )

    async def usable(self, session: AsyncSession, name: str, version: str | None = None) -> Agent:
        """Return the revision that a new run takes: not retired. Raises `AgentRetiredError`."""
        agent = await repository.usable(session, name, version)
        if agent is None:
            agent = await self.find(session, f"{name}@{version}" if version else name)
            raise AgentRetiredError(
                f"agent {agent.name!r} {agent.version} was retired",
                hint="Use another one, or register its folder again.",
            )
        return agent

    async def names(self, session: AsyncSession) -> Sequence[str]:
        """Return the names of agents that new runs can use."""
        return await repository.active_names(session)

    async def page(self, *, after: str | None, limit: int, retired: bool) -> Sequence[Agent]:
        async with self._database.read() as session:
            return await repository.current_page(session, after=after, limit=limit, retired=retired)

    async def revisions(self, reference: str, *, below: int | None, limit: int) -> Sequence[Agent]:
        """Return revisions of an agent, the newest first, those below the number `below`."""
        async with self._database.read() as session:
            agent = await self.find(session, reference)
            return await repository.revision_page(session, agent.name, below=below, limit=limit)

    async def retire(self, caller: Caller, reference: str) -> Agent:
        """Keep new runs from using the agent: all revisions by name, or the one named; idempotent.

        Runs that started keep the revision they are bound to.
        """
        async with self._database.write() as session:
            await repository.lock(session)
            agent = await self.find(session, reference)
            by_name = reference == agent.name
            going = (
                await repository.unretired(session, agent.name)
                if by_name
                else [agent] * (agent.retired_at is None)
            )
            if not going:
                return agent
            for revision in going:
                revision.retired_at = utc_now()
            data = {"name": agent.name, "revisions": [revision.revision for revision in going]}
            await record(session, caller, "agent.retire", agent.id, data)
            await self._events.append(session, EventType.AGENT_RETIRED, subject=agent.id, data=data)
        return agent

    async def verified_directory(self, agent: Agent) -> Path:
        """Return the agent's own copy, known to be what was registered; see `AgentStore`."""
        return await asyncio.to_thread(self._store.verified, agent.name, agent.digest)

    def manifest(self, agent: Agent) -> AgentManifest:
        """Return the stored manifest as typed values; the same content is parsed once."""
        found = self._manifests.get(agent.digest)
        if found is None:
            found = self._manifests[agent.digest] = AgentManifest.from_json(agent.manifest)
            if len(self._manifests) > _REMEMBERED:
                self._manifests.popitem(last=False)
        return found

    def check_inputs(self, agent: Agent, inputs: Mapping[str, Any]) -> None:
        """Raise `AgentInputsError` naming each place that does not fit."""
        self._checker.check_inputs(agent.name, agent.digest, agent.manifest["inputs"], inputs)

    def check_outputs(self, agent: Agent, outputs: object) -> None:
        """Raise `AgentOutputsError` naming each place that does not fit."""
        self._checker.check_outputs(agent.name, agent.digest, agent.manifest["outputs"], outputs)

    def _allowed(self, folder: str) -> Path:
        resolved = Path(folder).resolve() if "\0" not in folder else Path()
        if any(resolved.is_relative_to(trusted) for trusted in self._trusted):
            return resolved
        return self._roots.check(folder)

    def _take(self, folder: Path) -> tuple[AgentManifest, str]:
        manifest, digest = self._store.take(folder)
        check_patterns(manifest)
        return manifest, digest


async def _warnings(session: AsyncSession, agent: Agent) -> tuple[str, ...]:
    earlier = await repository.by_version(session, agent.name, agent.version)
    if earlier is None or earlier.digest == agent.digest:
        return ()
    warning = (
        f"revision {earlier.revision} has the same version, {agent.version}, and other content: "
        "raise the version in agent.yaml so that people can tell them apart"
    )
    return (warning,)
