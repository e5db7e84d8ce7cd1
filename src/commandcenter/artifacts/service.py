"""What attempts leave behind for people and other programs to read."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.artifacts import repository
from commandcenter.artifacts.errors import ArtifactContentGoneError, ArtifactNotFoundError
from commandcenter.artifacts.media_types import media_type
from commandcenter.artifacts.store import ArtifactStore, StoredFile
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.errors import NotFoundError
from commandcenter.kit.ids import new_id
from commandcenter.models import Artifact


@dataclass(frozen=True, slots=True)
class Content:
    artifact: Artifact
    path: Path


class ArtifactService:
    def __init__(self, database: Database, store: ArtifactStore) -> None:
        self._database = database
        self._store = store

    async def store(self, directory: Path) -> list[StoredFile]:
        """Store all files of an attempt's directory; needs no transaction, so do it before one."""
        return await asyncio.to_thread(self._store.take, directory)

    async def record(
        self,
        session: AsyncSession,
        *,
        run_id: str,
        node: str,
        attempt_id: str,
        files: Sequence[StoredFile],
    ) -> list[Artifact]:
        """Add the rows of stored files to this transaction; those already there stay as they are.

        Call it within an hour of `store`: after that unreferenced content may be collected.
        """
        existing = {
            artifact.name: artifact for artifact in await repository.of_attempt(session, attempt_id)
        }
        artifacts = []
        for file in files:
            artifact = existing.get(file.name)
            if artifact is None:
                artifact = Artifact(
                    id=new_id("artifact"),
                    run_id=run_id,
                    node=node,
                    attempt_id=attempt_id,
                    name=file.name,
                    media_type=media_type(file.name),
                    size_bytes=file.size_bytes,
                    sha256=file.sha256,
                    created_at=utc_now(),
                )
                session.add(artifact)
            artifacts.append(artifact)
        await session.flush()
        return artifacts

    async def take_over(
        self, session: AsyncSession, run_id: str, node: str, attempt_id: str, directory: Path
    ) -> list[Artifact]:
        """Do `store` and `record` at once, for small directories: the transaction waits for it."""
        files = await self.store(directory)
        return await self.record(
            session, run_id=run_id, node=node, attempt_id=attempt_id, files=files
        )

    async def page(
        self, run_id: str, *, node: str | None, after: str | None, limit: int
    ) -> Sequence[Artifact]:
        """Return a run's artifacts, oldest first. Raises `NotFoundError` for an unknown run."""
        async with self._database.read() as session:
            if not await repository.run_exists(session, run_id):
                raise NotFoundError(f"there is no run {run_id[:100]!r}")
            return await repository.page(session, run_id, node=node, after=after, limit=limit)

    async def get(self, artifact_id: str) -> Artifact:
        async with self._database.read() as session:
            artifact = await repository.find(session, artifact_id)
        if artifact is None:
            raise ArtifactNotFoundError(f"there is no artifact {artifact_id[:100]!r}")
        return artifact

    async def content(self, artifact_id: str) -> Content:
        """Return where an artifact's content lies."""
        return await self._content(await self.get(artifact_id))

    async def content_by_name(self, run_id: str, node: str, name: str) -> Content:
        """Return the content of a node's artifact, from its latest attempt that left one."""
        async with self._database.read() as session:
            artifact = await repository.newest_named(session, run_id, node, name)
        if artifact is None:
            raise ArtifactNotFoundError(
                f"step {node[:100]!r} of run {run_id[:100]!r} left no artifact {name[:200]!r}",
                hint=f"commandcenter runs show {run_id[:100]} lists those there are.",
            )
        return await self._content(artifact)

    async def collect_garbage(self) -> int:
        """Delete contents that no artifact refers to any more; return the bytes freed."""
        loop = asyncio.get_running_loop()

        def referenced(digests: Collection[str]) -> Collection[str]:
            return asyncio.run_coroutine_threadsafe(self._in_use(digests), loop).result()

        return await asyncio.to_thread(self._store.collect, referenced)

    async def _in_use(self, digests: Collection[str]) -> set[str]:
        async with self._database.read() as session:
            return await repository.in_use(session, digests)

    async def _content(self, artifact: Artifact) -> Content:
        path = self._store.path(artifact.sha256)
        if not await asyncio.to_thread(path.is_file):
            raise ArtifactContentGoneError(
                f"the content of {artifact.name!r} ({artifact.sha256}) is not in the store"
            )
        return Content(artifact, path)
