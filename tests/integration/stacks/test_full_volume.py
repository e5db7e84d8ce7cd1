"""The disk of a stack's data is full: it is said, and the data is there once there is room."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.integration.durable.small_disk import fill, on_small_disk
from tests.integration.stacks.stack_hub import StackHub, need_servers, wait_for

_COMPOSE = """
services:
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD: very-secret-indeed}
    volumes: ["kept:/var/lib/postgresql/data"]
    ports: ["5432"]
    restart: always
    # As people write it for the image: without a host, and without a password.
    healthcheck: {test: pg_isready && psql -U postgres -c "SELECT 1", interval: 0.5s, start_period: 30s}
  cache: {image: "redis:7"}
volumes: {kept: }
"""


@pytest.fixture
def cramped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackHub]:
    """A hub whose volumes lie on a small disk."""
    need_servers()
    place = tmp_path_factory.mktemp("cramped")
    prefix = on_small_disk(place / "data" / "volumes", "100m")
    hub = StackHub(place / "data", place / "projects", prefix=tuple(prefix))
    hub.projects.mkdir()
    (place / "data").mkdir(mode=0o700)
    hub.start()
    try:
        yield hub
    finally:
        hub.end()


def test_a_database_whose_disk_is_full_says_so_and_goes_on_with_its_data(
    cramped: StackHub,
) -> None:
    assert cramped.process is not None
    cramped.project("shop", compose__yaml=_COMPOSE)
    cramped.up("shop")
    port = cramped.host_port("shop", "db")
    url = f"postgresql://postgres:very-secret-indeed@127.0.0.1:{port}/postgres"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
    # The disk is in a mount namespace of the hub's own.
    inside = f"/proc/{cramped.process.pid}/root{cramped.data}/volumes"
    filler = fill(Path(inside))
    with pytest.raises(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO kept SELECT generate_series(1, 2000000)")
    found = cramped.until(
        "shop",
        "the words",
        lambda found: any(
            "the disk with its volume kept is full" in found["services"][0][words]
            for words in ("health_words", "message")
        ),
    )
    assert found["services"][1]["healthy"]
    assert "No space left on device" in cramped.run("project", "logs", "shop", "db").out
    filler.unlink()
    cramped.until("shop", "its health", lambda found: found["services"][0]["healthy"])

    def rows() -> int | None:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("INSERT INTO kept VALUES (0)")
                counted = connection.execute("SELECT count(*) FROM kept WHERE number > 0")
                return int((counted.fetchone() or (0,))[0])
        except psycopg.OperationalError:  # it may have to recover first
            return None

    assert wait_for("the data", rows) == 1000
