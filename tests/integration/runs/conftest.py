from collections.abc import Iterator

import pytest


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of an empty PostgreSQL database; None for SQLite in the data directory."""
    if request.param == "sqlite":
        yield None
        return
    with request.getfixturevalue("postgres_server").database() as url:
        yield url
