"""Forks of stacks of real PostgreSQL and Redis: one moment of all, apart from then on, and gone."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.stacks.stack_hub import BACKEND, StackHub, wait_for

pytestmark = pytest.mark.timeout(120)  # several stacks are started one after the other


class Redis:
    """As much of the protocol as SET and GET take."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._file = self._socket.makefile("rb")

    def set(self, key: str, value: int) -> None:
        assert self._call("SET", key, str(value)) == b"OK"

    def get(self, key: str) -> int:
        return int(self._call("GET", key) or 0)

    def _call(self, *words: str) -> bytes | None:
        parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        self._socket.sendall(f"*{len(words)}\r\n{parts}".encode())
        line = self._file.readline().rstrip()
        assert line[:1] in b"+$", line
        if line[:1] == b"+":
            return line[1:]
        size = int(line[1:])
        return self._file.read(size + 2)[:-2] if size >= 0 else None

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@dataclass
class Writer:
    """Writes n = 1, 2, ... to PostgreSQL with a running sum, and then to Redis, as it can."""

    database: psycopg.Connection
    redis: Redis
    written: int = 0
    errors: list[Exception] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            while not self.over.is_set():
                number = self.written + 1
                with self.database.transaction():
                    self.database.execute("INSERT INTO numbers VALUES (%s)", (number,))
                    self.database.execute("UPDATE total SET sum = sum + %s", (number,))
                self.redis.set("number", number)
                self.written = number
        except Exception as error:  # noqa: BLE001 - told by the test
            self.errors.append(error)


def redis(hub: StackHub, name: str) -> closing[Redis]:
    return closing(Redis(hub.host_port(name, "redis")))


@contextmanager
def writing(hub: StackHub, name: str) -> Iterator[Writer]:
    with hub.database(name) as database, redis(hub, name) as cache:
        database.execute("CREATE TABLE IF NOT EXISTS numbers (number int PRIMARY KEY)")
        database.execute("CREATE TABLE IF NOT EXISTS total AS SELECT 0::bigint AS sum")
        writer = Writer(database, cache)
        thread = threading.Thread(target=writer.run)
        thread.start()
        try:
            wait_for("the first numbers", lambda: writer.written > 50)
            yield writer
        finally:
            writer.over.set()
            thread.join(30)
        assert writer.errors == []


def check_moment(hub: StackHub, name: str) -> int:
    """Nothing is missing or half there; how many numbers there are."""
    with hub.database(name) as database, redis(hub, name) as cache:
        found = database.execute("SELECT count(*), max(number), sum(number) FROM numbers")
        count, last, added = found.fetchone() or (0, 0, 0)
        assert count == last
        assert database.execute("SELECT sum FROM total").fetchone() == (added,)
        # Redis is told after the commit; what it wrote down in the last second may be missing.
        assert 0 < cache.get("number") <= count
    return int(count)


def numbers(found: dict[str, Any], key: str = "attempt") -> dict[str, Any]:
    return {each["name"]: each[key] for each in found["services"]}


def ports(found: dict[str, Any]) -> set[int]:
    return {port["host_port"] for each in found["services"] for port in each["ports"]}


def rest(hub: StackHub, project_id: str) -> list[str]:
    """What the data directory still has of a project, by path."""
    return [str(path) for path in hub.data.rglob(f"*{project_id}*")]


def test_a_fork_is_of_one_moment_and_then_apart(stacks: StackHub) -> None:
    stacks.project("shop", BACKEND)
    stacks.run("project", "start", "shop")
    before = stacks.status("shop")
    with writing(stacks, "shop") as writer:
        known = writer.written
        done = stacks.run("project", "fork", "shop", "--as", "shop-2")
        upto = writer.written
        wait_for("the origin goes on", lambda: writer.written > upto + 50)
    assert "shop-2 is a copy of shop" in done.out
    assert "stood still for" in done.out
    assert "its folder is that of shop" in done.out
    assert "project discard shop-2" in done.out
    found = check_moment(stacks, "shop-2")
    assert known <= found <= upto + 1
    assert check_moment(stacks, "shop") == writer.written > found
    origin, fork = stacks.status("shop"), stacks.status("shop-2")
    assert numbers(origin) == numbers(before)
    assert numbers(origin, "restarts") == numbers(before, "restarts")
    assert numbers(fork) == {"postgres": 1, "redis": 1, "backend": 1}
    assert len(ports(origin) | ports(fork)) == 6
    # Each goes its own way from here.
    with writing_one(stacks, "shop-2", 1_000_000), writing_one(stacks, "shop", 2_000_000):
        pass
    for name, own, other in (("shop-2", 1_000_000, 2_000_000), ("shop", 2_000_000, 1_000_000)):
        with stacks.database(name) as database, redis(stacks, name) as cache:
            query = "SELECT number FROM numbers WHERE number >= 1000000"
            assert database.execute(query).fetchall() == [(own,)]
            assert cache.get("own") == own != other
    told = {name: stacks.environment_of(name) for name in ("shop", "shop-2")}
    assert told["shop"] == told["shop-2"]  # names and secrets are the origin's
    listed = projects(stacks)
    assert listed["shop-2"]["forked_from_name"] == "shop"
    assert listed["shop-2"]["path"] == listed["shop"]["path"]
    assert listed["shop"]["forked_from"] is None
    fork_id = listed["shop-2"]["id"]
    assert rest(stacks, fork_id)
    assert "--yes" in stacks.run("project", "discard", "shop-2", code=2).err
    stacks.run("project", "discard", "shop-2", "--yes")
    assert rest(stacks, fork_id) == []
    with stacks.client as client:
        secrets = client.get("/secrets").text
    assert fork_id not in secrets
    assert numbers(stacks.healthy("shop")) == numbers(before)
    stop(stacks, "shop")


def test_a_stopped_stack_and_a_fork_can_be_forked(stacks: StackHub) -> None:
    stacks.project("kept", BACKEND)
    stacks.run("project", "start", "kept")
    with stacks.database("kept") as database:
        database.execute("CREATE TABLE kept AS SELECT generate_series(1, 100)")
    stop(stacks, "kept")
    done = stacks.run("project", "fork", "kept", "--as", "kept-2", "--no-start")
    assert "kept did not run" in done.out
    assert "project start kept-2" in done.out
    assert stacks.status("kept-2")["state"] == "stopped"
    assert "kept (" in stacks.run("project", "list").out
    made = stacks.json("project", "fork", "kept-2", "--as", "kept-3")
    assert made["fork"]["phase"] == "ready"
    assert made["stack"]["overall_healthy"]
    with stacks.database("kept-3") as database:
        assert database.execute("SELECT count(*) FROM kept").fetchone() == (100,)
    with stacks.client as client:
        for name in ("kept-2", "kept-3"):
            client.post(f"/projects/{name}/discard").raise_for_status()
    wait_for("the end", lambda: not projects(stacks).keys() & {"kept-2", "kept-3"})
    assert rest(stacks, made["id"]) == []
    assert "not a fork" in stacks.run("project", "discard", "kept", code=8).err


def stop(hub: StackHub, name: str) -> None:
    with hub.client as client:
        client.post(f"/projects/{name}/stop").raise_for_status()
    hub.until(name, "the stop", lambda found: found["state"] == "stopped")


def test_a_hub_killed_while_services_stand_still_leaves_none_standing(mortal: StackHub) -> None:
    mortal.project("shop")
    mortal.run("project", "start", "shop")
    before = mortal.status("shop")
    shop = projects(mortal)["shop"]["id"]
    servers = mortal.processes("postgres -D")
    files = many(mortal.data / "volumes" / shop / "redis-data" / "more")
    with mortal.begin("project", "fork", "shop", "--as", "half") as forking:
        with changing(files):
            words = "paused for a copy to half"
            wait_for("a pause", lambda: words in str(mortal.status("shop")["services"]), seconds=60)
            wait_for("standing still", lambda: all(stands(pid) for pid in servers))
            mortal.kill()
        assert all(stands(pid) for pid in servers)
        volumes = {path.name for path in (mortal.data / "volumes").iterdir()}
        [half] = volumes - {shop, f"{shop}.made"}
        forking.says("The hub is away")
        mortal.start()
        assert numbers(mortal.healthy("shop")) == numbers(before)
        forking.says("half could not be made; nothing of it is left.")
        assert "The hub is back." in forking.out
    wait_for("all go on", lambda: not any(stands(pid) for pid in servers))
    assert mortal.processes("postgres -D") == servers
    assert projects(mortal).keys() == {"shop"}
    assert rest(mortal, half) == []
    with mortal.client as client:
        found = client.get(f"/projects/{half}/fork").json()
    assert (found["phase"], found["message"][:13]) == ("failed", "The hub ended")


def many(folder: Path) -> list[Path]:
    """So many files that a copy of them takes its time."""
    folder.mkdir()
    files = [folder / str(number) for number in range(8_000)]
    for file in files:
        file.write_bytes(b"x")
    return files


@contextmanager
def changing(files: list[Path]) -> Iterator[None]:
    """All change and change, so that they are copied again in the pause."""
    over = threading.Event()

    def change() -> None:
        while not over.is_set():
            for file in files:
                os.utime(file)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)


def stands(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def projects(hub: StackHub) -> dict[str, Any]:
    with hub.client as client:
        items = client.get("/projects").json()["items"]
    return {each["name"]: each for each in items}


@contextmanager
def writing_one(hub: StackHub, name: str, number: int) -> Iterator[None]:
    with hub.database(name) as database, redis(hub, name) as cache:
        database.execute("INSERT INTO numbers VALUES (%s)", (number,))
        cache.set("own", number)
        yield
