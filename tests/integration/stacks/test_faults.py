"""What goes wrong with services while they run, and what is made of it."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests import web
from tests.integration.stacks.stack_hub import StackHub, free_port

# Serves on 8000: what it is asked for decides what becomes of it.
_APPLICATION = """
import http.server, os, signal, sys

if os.path.exists("hopeless"):
    print("there is something hopeless", flush=True)
    sys.exit(127)
if os.path.exists("deaf"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/eat":
            print("eating", flush=True)
            held = [bytearray(1024 * 1024) for _ in range(2000)]
        if self.path == "/exit":
            print("going away", flush=True)
            os._exit(3)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")


http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""
# Hangs while the file is there.
_PROBE = """{
      test: ['CMD-SHELL', '[ ! -e /site/hang ] || sleep 60'], interval: 0.2s, timeout: 2s,
      retries: 2, start_period: 30s, start_interval: 0.1s}"""
_REDIS = """
  cache:
    image: redis:7
    volumes: ["kept:/data"]
    ports: ["6379"]
    restart: always
"""


def application(name: str = "web", **more: str) -> str:
    """A service of a compose file, in YAML."""
    given = {
        "image": "python:3.12",
        "command": "python app.py",
        "working_dir": "/site",
        "volumes": "['.:/site']",
        "ports": "['8000']",
        "restart": "always",
        **more,
    }
    return "".join((f"\n  {name}:", *(f"\n    {key}: {value}" for key, value in given.items())))


def composed(hub: StackHub, name: str, *services: str) -> Path:
    text = f"services:{''.join(services)}\nvolumes: {{kept: }}\n"
    folder = hub.project(name, compose__yaml=text)
    (folder / "app.py").write_text(_APPLICATION)
    return folder


def ask(hub: StackHub, name: str, path: str, service: str = "web") -> None:
    """Ask the application for something; it may well not answer."""
    with suppress(httpx.HTTPError):
        web.get(f"http://127.0.0.1:{hub.host_port(name, service)}{path}")


def told(hub: StackHub, name: str, kind: str) -> list[dict[str, Any]]:
    with hub.client as client:
        project = client.get(f"/projects/{name}").json()["id"]
        events = client.get("/events", params={"limit": 1000}).json()["items"]
    return [
        each["data"] for each in events if each["type"] == kind and each["project_id"] == project
    ]


def messages(hub: StackHub, name: str) -> set[tuple[str, str]]:
    return {(each["service"], each["message"]) for each in told(hub, name, "stack.service_changed")}


def attempts(found: dict[str, Any]) -> dict[str, int]:
    return {each["name"]: each["attempt"] for each in found["services"]}


def test_a_given_up_service_is_restarted_alone_and_what_waited_goes_on(stacks: StackHub) -> None:
    needing = application("page", depends_on="{web: {condition: service_healthy}}")
    folder = composed(stacks, "alone", needing, application(), _REDIS)
    (folder / "hopeless").touch()
    refused = stacks.run("project", "start", "alone", code=1)
    assert "there is something hopeless" in refused.out
    found = stacks.status("alone")
    assert {each["name"]: each["state"] for each in found["services"]} == {
        "page": "pending",
        "web": "failed",
        "cache": "healthy",
    }
    assert found["services"][0]["message"] == "It waits for web, which failed."
    again = stacks.run("project", "restart", "alone", "web", code=1)
    assert "there is something hopeless" in again.out
    (folder / "hopeless").unlink()
    stacks.run("project", "restart", "alone", "web")
    assert attempts(stacks.status("alone")) == {"page": 1, "web": 3, "cache": 1}
    states = [each["state"] for each in told(stacks, "alone", "stack.changed")]
    assert states == ["starting", "error", "starting", "error", "starting", "running"]


def test_a_service_out_of_memory_says_so_and_the_others_go_on(stacks: StackHub) -> None:
    database = """
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD: very-secret-indeed}
    volumes: ["kept:/var/lib/postgresql/data"]
    ports: ["5432"]
"""
    composed(stacks, "hungry", application(mem_limit="64m"), database)
    stacks.up("hungry")
    port = stacks.host_port("hungry", "db")
    url = f"postgresql://postgres:very-secret-indeed@127.0.0.1:{port}/postgres"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 100)")
        ask(stacks, "hungry", "/eat")
        found = stacks.until(
            "hungry",
            "the restart",
            lambda found: found["overall_healthy"] and attempts(found) == {"web": 2, "db": 1},
        )
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (100,)
    assert found["state"] == "running"
    words = "It needed more than its memory limit of 64 MiB."
    killed = f"It was killed (SIGKILL). {words} Its last words: eating"
    assert ("web", killed) in messages(stacks, "hungry")
    log = stacks.run("project", "logs", "hungry", "web", "--attempt", "1").out
    assert "eating" in log
    assert words in log


def test_a_service_that_comes_and_goes_is_given_up_with_its_last_words(stacks: StackHub) -> None:
    composed(stacks, "flapping", application(restart="on-failure:2"), _REDIS)
    stacks.up("flapping")
    for number in (1, 2, 3):
        again = _healthy_again("web", number)
        stacks.until("flapping", "its health", again)
        ask(stacks, "flapping", "/exit")
    found = stacks.until("flapping", "the end", lambda found: found["state"] == "error")
    assert (
        "Given up after it was started again 2 times: It exited with 3: going away"
        in (found["reason"])
    )
    assert [each["state"] for each in found["services"]] == ["failed", "healthy"]
    assert not found["overall_healthy"]


def test_a_service_that_will_not_end_is_ended(stacks: StackHub) -> None:
    folder = composed(stacks, "deaf", application(stop_grace_period="0.3s"))
    (folder / "deaf").touch()
    stacks.up("deaf")
    assert stacks.processes("app.py", str(folder))
    stacks.run("project", "stop", "deaf")
    assert stacks.processes("app.py", str(folder)) == []


def test_a_probe_that_hangs_makes_its_service_unhealthy(stacks: StackHub) -> None:
    folder = composed(stacks, "hanging", application(healthcheck=_PROBE))
    stacks.up("hanging")
    (folder / "hang").touch()
    stacks.until(  # asked all the while: the status does not hang with the probe
        "hanging",
        "the restart",
        lambda found: attempts(found)["web"] == 2,
    )
    failed = "Its health check, the test command, failed 2 times in a row"
    words = f"{failed}; the last answer: no answer within 2 s."
    assert ("web", words) in messages(stacks, "hanging")
    (folder / "hang").unlink()
    stacks.healthy("hanging")


def test_a_port_taken_after_the_check_fails_its_service_by_name(stacks: StackHub) -> None:
    port = free_port()
    folder = composed(
        stacks,
        "robbed",
        application("first", healthcheck=_PROBE),
        application(ports=f"['{port}:8000']", depends_on="{first: {condition: service_healthy}}"),
    )
    (folder / "hang").touch()  # the first one does not get healthy before the port is taken
    stacks.run("project", "start", "robbed", "--no-wait")
    with socket.create_server(("127.0.0.1", port)):
        (folder / "hang").unlink()
        found = stacks.until("robbed", "the failure", lambda found: found["state"] == "error")
        assert found["reason"].startswith(f"web: Port {port} of 127.0.0.1 is taken")
        assert [each["state"] for each in found["services"]] == ["healthy", "failed"]
        before = stacks.processes("app.py", str(folder))
    stacks.run("project", "restart", "robbed", "web")
    assert set(before) < set(stacks.processes("app.py", str(folder)))
    assert attempts(stacks.status("robbed")) == {"first": 1, "web": 2}


def test_a_port_taken_between_two_attempts_is_waited_for(stacks: StackHub) -> None:
    composed(stacks, "squatted", application())
    stacks.up("squatted")
    port = stacks.host_port("squatted", "web")
    ask(stacks, "squatted", "/exit")
    stacks.until("squatted", "the repair", _healthy_again("web", 2))
    ask(stacks, "squatted", "/exit")  # now it is started again after a second only
    with _taken(port):
        found = stacks.until(
            "squatted",
            "the words",
            lambda found: f"Port {port} of 127.0.0.1" in found["services"][0]["message"],
        )
        assert found["services"][0]["state"] == "restarting"
    stacks.healthy("squatted")


def test_a_volume_that_is_gone_is_never_replaced_by_an_empty_one(stacks: StackHub) -> None:
    composed(stacks, "emptied", _REDIS)
    stacks.up("emptied")
    project = stacks.json("project", "show", "emptied")["id"]
    volume = stacks.data / "volumes" / project / "kept"
    elsewhere = volume.with_name("elsewhere")
    volume.rename(elsewhere)
    stacks.until(
        "emptied",
        "the words",
        lambda found: "PONG; its volume kept is gone" in found["services"][0]["health_words"],
    )
    stacks.kill_processes("redis-server", project)
    found = stacks.until("emptied", "the end", lambda found: found["state"] == "error")
    assert f"The volume kept of cache is gone from {volume}, with its data." in found["reason"]
    stacks.run("project", "stop", "emptied")
    assert "The volume kept" in stacks.run("project", "start", "emptied", code=8).err
    assert not volume.exists()
    elsewhere.rename(volume)
    stacks.run("project", "start", "emptied")


@contextmanager
def _taken(port: int) -> Iterator[None]:
    """Take a port as soon as it is free."""
    deadline = time.monotonic() + 20
    while True:
        try:
            server = socket.create_server(("127.0.0.1", port))
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        else:
            break
    with server:
        yield


def _healthy_again(service: str, attempt: int) -> Callable[[dict[str, Any]], bool]:
    return lambda found: found["overall_healthy"] and attempts(found)[service] == attempt
