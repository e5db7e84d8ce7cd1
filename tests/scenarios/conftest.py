"""One hub per database for a whole module: scenarios do not disturb each other."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.scenarios.driver import Driver, scenario_hub


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)],
)
async def driver(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Driver]:
    """A hub with the fake runtime and the agents `tool` (AUTO) and `risky` (needs approval)."""
    directory = tmp_path_factory.mktemp("scenarios")
    if request.param == "sqlite":
        async with scenario_hub(directory, None) as driver:
            yield driver
        return
    with request.getfixturevalue("postgres_server").database() as url:
        async with scenario_hub(directory, url) as driver:
            yield driver


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of an empty PostgreSQL database; None for SQLite in the data directory."""
    if request.param == "sqlite":
        yield None
        return
    with request.getfixturevalue("postgres_server").database() as url:
        yield url
