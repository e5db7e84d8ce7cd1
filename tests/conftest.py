"""Fixtures for everybody: a data directory, a database of either kind, a hub that really serves."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from commandcenter.hub.server import HubServer, Ready
from commandcenter.hub.settings import Settings
from commandcenter.kit.database import Database, sqlite_url
from commandcenter.kit.injection import Services
from tests import docker_engine, migrated, web
from tests.postgres import PostgresServer, find_binaries

# A hook or a bisection of git names its own repository here, which tests would commit into.
for _name in [name for name in os.environ if name.startswith("GIT_")]:
    del os.environ[_name]

_START_SECONDS = 60.0  # machines differ, and other tests run beside
_ANSWER_SECONDS = 30.0


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over what was imported and collected; it stays anyway."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL of Debian's packages, alone for this test session."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with PostgresServer(binaries) as server:
        yield server


@pytest.fixture(scope="session")
def docker_host(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a container engine: `DOCKER_HOST`, or one of this test session's own."""
    if named := os.environ.get("DOCKER_HOST"):
        yield named
        return
    if reason := docker_engine.why_not():
        pytest.skip(reason)
    worker = getattr(request.config, "workerinput", None)
    session = worker["testrunuid"] if worker else f"{os.getpid()}"
    with docker_engine.shared_engine(session[:8]) as engine, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", engine.url)
        yield engine.url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without rows; tests that use it run on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        migrated.copy("commandcenter.db", tmp_path / "test.db")
        yield sqlite_url(tmp_path / "test.db")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database() as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    projects = tmp_path / "projects"
    projects.mkdir()
    migrated.fill(tmp_path / "data")
    return Settings(
        data_directory=tmp_path / "data",
        dashboard_directory=tmp_path / "not-built",
        database_url=database_url,
        port=0,
        runtime="fake",
        allowed_roots=(projects,),
        drain_seconds=2.0,
    )


@dataclass(frozen=True)
class RunningHub:
    """A hub on a real port. `client` is an admin's; `anonymous` has no credentials."""

    settings: Settings
    server: HubServer
    ready: Ready
    client: httpx.AsyncClient
    anonymous: httpx.AsyncClient

    @property
    def url(self) -> str:
        return self.ready.url

    @property
    def services(self) -> Services:
        return self.server.services

    @property
    def token(self) -> str:
        return self.ready.cli_token_file.read_text().strip()

    async def token_for(
        self, role: str, *, name: str | None = None, groups: tuple[str, ...] = ()
    ) -> str:
        """Create a principal with this role and return a token of it."""
        body = {"name": name or role, "role": role, "groups": list(groups)}
        made = await self.client.post("/api/v1/principals", json=body)
        made.raise_for_status()
        token = await self.client.post(
            f"/api/v1/principals/{made.json()['id']}/tokens", json={"name": "test"}
        )
        token.raise_for_status()
        value: str = token.json()["token"]
        return value


@asynccontextmanager
async def running_hub(settings: Settings) -> AsyncIterator[RunningHub]:
    """Serve a hub in this process until the end of the block."""
    started: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    server = HubServer(settings, on_ready=started.set_result)
    serving = asyncio.create_task(server.serve())
    try:
        waited: list[asyncio.Future[Any]] = [serving, started]
        await asyncio.wait(waited, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        ready = started.result()
        token = ready.cli_token_file.read_text().strip()
        async with (
            web.async_client(
                url=ready.url,
                headers={"Authorization": f"Bearer {token}"},
                timeout=_ANSWER_SECONDS,
            ) as client,
            web.async_client(url=ready.url, timeout=_ANSWER_SECONDS) as anonymous,
        ):
            yield RunningHub(server.settings, server, ready, client, anonymous)
    finally:
        if not serving.done():
            server.stop()
            async with asyncio.timeout(_START_SECONDS):
                await serving


@pytest.fixture
async def hub(settings: Settings) -> AsyncIterator[RunningHub]:
    async with running_hub(settings) as hub:
        yield hub


@pytest.fixture
async def sqlite_hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub on SQLite alone, for what does not depend on the database."""
    migrated.fill(tmp_path / "data")
    settings = Settings(
        data_directory=tmp_path / "data",
        dashboard_directory=tmp_path / "not-built",
        port=0,
        runtime="fake",
        drain_seconds=2.0,
    )
    async with running_hub(settings) as hub:
        yield hub
