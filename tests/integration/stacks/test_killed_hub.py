"""The hub is killed in the middle: services go on, and the next hub knows them."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from commandcenter.runner.paths import RunnerPaths
from tests.integration.stacks.conftest import stack_hub
from tests.integration.stacks.stack_hub import BACKEND, StackHub, wait_for


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackHub]:
    """A hub that each test kills and starts again."""
    with stack_hub(tmp_path_factory, "killed") as hub:
        yield hub


@pytest.fixture
def shop(mortal: StackHub) -> Iterator[str]:
    """A project of the test's own, by its name; its stack is stopped in the end."""
    name = f"shop-{len(list(mortal.projects.iterdir()))}"
    mortal.project(name, BACKEND)
    yield name
    mortal.stop_stacks()


def test_services_outlive_the_hub_and_are_found_again(mortal: StackHub, shop: str) -> None:
    mortal.run("project", "start", shop)
    environment = mortal.environment_of(shop)
    before = {each["name"]: each["attempt"] for each in mortal.status(shop)["services"]}
    servers = mortal.processes("postgres -D")
    with mortal.begin("project", "logs", shop, "backend", "-f") as following:
        following.says("Uvicorn running")
        mortal.kill()
        assert mortal.processes("postgres -D") == servers
        following.says("The hub is away")
        mortal.start()
        following.says("The hub is back.")
        found = mortal.healthy(shop)
        assert [following.out.count(words) for words in ("is away", "is back")] == [1, 1]
    assert {each["name"]: each["attempt"] for each in found["services"]} == before
    assert mortal.processes("postgres -D") == servers
    assert mortal.environment_of(shop)["SECRET_KEY"] == environment["SECRET_KEY"]
    mortal.stop()
    assert mortal.processes("postgres -D") == servers
    mortal.start()
    mortal.healthy(shop)


def test_a_start_waits_for_a_hub_that_is_killed_and_started_again(
    mortal: StackHub, shop: str
) -> None:
    with mortal.begin("project", "start", shop) as starting:
        starting.says("postgres starting")
        mortal.kill()
        starting.says("The hub is away")
        mortal.start()
        starting.says("every service is healthy")
        assert [starting.out.count(words) for words in ("is away", "is back")] == [1, 1]
    assert max(each["restarts"] for each in mortal.status(shop)["services"]) == 0
    assert len(_mains(mortal)) == 1


@pytest.mark.parametrize("seconds", [0.15, 0.5, 1.0])
def test_a_hub_killed_while_starting_goes_on_with_the_start(
    mortal: StackHub, shop: str, seconds: float
) -> None:
    mortal.run("project", "start", shop, "--no-wait")
    time.sleep(seconds)  # the moment at which it is killed
    mortal.kill()
    mortal.start()
    found = mortal.healthy(shop)
    assert max(each["restarts"] for each in found["services"]) == 0
    assert len(_mains(mortal)) == 1


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3])
def test_a_hub_killed_while_stopping_goes_on_with_the_stop(
    mortal: StackHub, shop: str, seconds: float
) -> None:
    mortal.run("project", "start", shop)
    with mortal.client as client:
        client.post(f"/projects/{shop}/stop")
    time.sleep(seconds)  # the same
    mortal.kill()
    mortal.start()
    mortal.until(shop, "the stop", lambda found: found["state"] == "stopped")
    assert mortal.processes("postgres -D") == []


@pytest.mark.parametrize("seconds", [0.0, 0.1])
def test_a_hub_killed_while_restarting_goes_on_with_the_restart(
    mortal: StackHub, shop: str, seconds: float
) -> None:
    mortal.up(shop)
    before = {each["name"]: each["attempt"] for each in mortal.healthy(shop)["services"]}
    with mortal.client as client:
        client.post(f"/projects/{shop}/restart")
    time.sleep(seconds)  # the same
    mortal.kill()
    mortal.start()
    mortal.until(
        shop,
        "the restart of all",
        lambda found: (
            found["overall_healthy"]
            and all(each["attempt"] > before[each["name"]] for each in found["services"])
        ),
    )


def test_services_start_again_when_the_runner_was_killed(mortal: StackHub, shop: str) -> None:
    mortal.run("project", "start", shop)
    with mortal.database(shop) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 100)")
    os.kill(int(RunnerPaths(mortal.data).lock.read_text()), signal.SIGKILL)
    mortal.until(
        shop,
        "the restart",
        lambda found: (
            found["overall_healthy"] and all(each["attempt"] > 1 for each in found["services"])
        ),
    )
    with mortal.database(shop) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (100,)


def test_services_start_again_with_their_data_when_the_machine_was_restarted(
    mortal: StackHub,
    shop: str,
) -> None:
    mortal.up(shop)
    with mortal.database(shop) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 100)")
    before = mortal.status(shop)
    mortal.kill()
    os.kill(int(RunnerPaths(mortal.data).lock.read_text()), signal.SIGKILL)
    wait_for("the end of the servers", lambda: not mortal.processes("postgres"))
    mortal.start()
    found = mortal.healthy(shop)
    assert [each["attempt"] for each in found["services"]] == [2, 2, 2]
    assert [each["ports"] for each in found["services"]] == [
        each["ports"] for each in before["services"]
    ]
    with mortal.database(shop) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (100,)


def _mains(hub: StackHub) -> list[int]:
    return hub.processes("/postgres -D /var/lib/postgresql/data/pgdata")
