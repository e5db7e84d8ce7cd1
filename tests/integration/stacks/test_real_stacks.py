"""Stacks of real PostgreSQL, Redis and Python servers, as people start and stop them."""

import os
import shutil
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import httpx

from tests import web
from tests.integration.stacks.stack_hub import BACKEND, StackHub, free_port, wait_for

_CRASHING = "import sys\n\nsys.exit('no such luck')\n"


def test_a_stack_starts_and_keeps_its_data_over_a_stop(stacks: StackHub) -> None:
    stacks.project("shop", BACKEND)
    done = stacks.run("project", "start", "shop")
    assert "every service is healthy" in done.out
    assert "in place of image postgres:16" in done.out
    assert "frontend is left out" in done.out
    for pid in (*stacks.processes("postgres -D"), *stacks.processes("uvicorn main:app")):
        assert Path(f"/proc/{pid}").stat().st_uid != 0
    with stacks.database("shop") as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, 100)")
    again = stacks.run("project", "start", "shop")
    assert "running already" in again.err
    stacks.run("project", "stop", "shop")
    assert stacks.status("shop")["state"] == "stopped"
    assert stacks.processes("postgres") == []
    assert "stopped already" in stacks.run("project", "stop", "shop").err
    with stacks.begin("project", "start", "shop") as starting:
        starting.says("postgres starting")
        stacks.run("project", "stop", "shop")
        starting.says("Somebody stopped shop meanwhile.")
    ports = {each["name"]: each["ports"] for each in stacks.status("shop")["services"]}
    stacks.run("project", "start", "shop")
    found = stacks.status("shop")
    assert {each["name"]: each["ports"] for each in found["services"]} == ports
    assert found["last_started_at"] > found["last_stopped_at"]
    with stacks.database("shop") as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (100,)


def test_a_killed_database_is_healthy_again_with_its_data(stacks: StackHub) -> None:
    stacks.project("killed", BACKEND)
    stacks.run("project", "start", "killed")
    with stacks.database("killed") as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 100)")
    port = stacks.host_port("killed", "postgres")
    before = set(stacks.processes("postgres -D"))
    assert before
    mine = [pid for pid in before if _volume("killed", stacks) in _mounts(pid)]
    for pid in mine:
        os.kill(pid, signal.SIGKILL)
    found = stacks.until(
        "killed",
        "the restart",
        lambda found: found["overall_healthy"] and found["services"][0]["restarts"] == 1,
    )
    assert found["state"] == "running"
    assert [each["restarts"] for each in found["services"]] == [1, 0, 0]
    assert stacks.host_port("killed", "postgres") == port
    with stacks.database("killed") as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (100,)
    log = stacks.run("project", "logs", "killed", "postgres", "--attempt", "1").out
    assert "ready to accept connections" in log


def test_a_port_that_is_taken_is_named_with_its_service(stacks: StackHub) -> None:
    stacks.project("taken", BACKEND)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = stacks.run("project", "set", "taken", "--port", f"redis:6379={port}", code=8)
        assert f"ort {port} of redis is taken by " in done.err
    stacks.run("project", "set", "taken", "--port", f"redis:6379={port}")
    with socket.create_server(("127.0.0.1", port)):
        done = stacks.run("project", "start", "taken", code=8)
        assert f"ort {port} of redis is taken by " in done.err
        assert stacks.status("taken")["state"] == "stopped"
    stacks.run("project", "start", "taken")
    assert stacks.host_port("taken", "redis") == port


def test_projects_get_each_their_own_ports_and_secrets(stacks: StackHub) -> None:
    for name in ("left", "right"):
        stacks.project(name, BACKEND)
        stacks.run("project", "start", name, "--no-wait")
    for name in ("left", "right"):
        stacks.healthy(name)
    left, right = stacks.status("left"), stacks.status("right")
    ports = [
        port["host_port"]
        for found in (left, right)
        for each in found["services"]
        for port in each["ports"]
    ]
    assert len(set(ports)) == 6
    secrets = [stacks.environment_of(name)["SECRET_KEY"] for name in ("left", "right")]
    assert secrets[0] != secrets[1]


def test_secrets_are_on_no_record_and_on_no_command_line(stacks: StackHub) -> None:
    talkative = f"import os\nprint('I have', os.environ['SECRET_KEY'], flush=True)\n{BACKEND}"
    stacks.project("secretive", talkative)
    stacks.run("project", "start", "secretive")
    environment = stacks.environment_of("secretive")
    password = environment["DATABASE_URL"].split(":")[2].split("@")[0]
    values = [password.encode(), environment["SECRET_KEY"].encode()]
    assert min(len(value) for value in values) >= 43
    assert "[redacted]" in stacks.run("project", "logs", "secretive", "backend").out
    for path in stacks.data.rglob("*"):
        if path.is_file() and not path.is_symlink() and "volumes" not in path.parts:
            content = path.read_bytes()
            assert not any(value in content for value in values), path
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        assert not any(value in command for value in values), command


def test_one_service_is_restarted_without_the_rest(stacks: StackHub) -> None:
    stacks.project("partly", BACKEND)
    stacks.run("project", "start", "partly")
    waits = "backend: memory 1.0G -> 300M at its next restart. Next: "
    assert waits in stacks.run("project", "set", "partly", "--memory", "backend=300m").out
    assert "1.0G -> 300M" in stacks.run("project", "status", "partly").out
    assert waits in stacks.run("project", "start", "partly").out
    again = stacks.run("project", "restart", "partly", "backend").out
    assert "next restart" not in again
    backend = stacks.service("partly", "backend")
    assert backend["memory_bytes"]["asked"] == 300 * 1024**2
    assert backend["memory_bytes"]["actual"] in {None, 300 * 1024**2}
    attempts = [each["attempt"] for each in stacks.status("partly")["services"]]
    assert attempts == [1, 1, 2]
    stacks.run("project", "restart", "partly")
    attempts = [each["attempt"] for each in stacks.status("partly")["services"]]
    assert attempts == [2, 2, 3]


def test_a_service_that_becomes_unhealthy_is_restarted(stacks: StackHub) -> None:
    stacks.project("sick", BACKEND)
    stacks.run("project", "start", "sick")
    port = stacks.host_port("sick", "backend")
    web.get(f"http://127.0.0.1:{port}/break")
    found = stacks.until(
        "sick",
        "the restart",
        lambda found: found["overall_healthy"] and found["services"][2]["attempt"] == 2,
        seconds=90,
    )
    assert [each["attempt"] for each in found["services"]] == [1, 1, 2]


def test_a_service_that_ends_again_and_again_is_given_up_with_its_words(stacks: StackHub) -> None:
    stacks.project("hopeless", _CRASHING)
    done = stacks.run("project", "start", "hopeless", code=1)
    assert "hopeless has services that failed" in done.out
    assert "project restart hopeless backend" in done.out
    assert "3 times" in done.out
    assert "no such luck" in done.out
    found = stacks.status("hopeless")
    assert [each["state"] for each in found["services"]] == ["healthy", "healthy", "failed"]
    (stacks.projects / "hopeless" / "backend" / "main.py").write_text(BACKEND)
    stacks.run("project", "start", "hopeless")
    stacks.healthy("hopeless")


def test_packages_that_are_not_installed_are_named_with_the_command(stacks: StackHub) -> None:
    folder = stacks.project("unprepared", BACKEND)
    (folder / "backend" / "requirements.txt").write_text("not-a-package-anywhere>=1\n")
    done = stacks.run("project", "start", "unprepared", code=8)
    assert "not-a-package-anywhere" in done.err
    assert "pip install -r" in done.err
    found = stacks.status("unprepared")
    assert found["state"] == "stopped"
    assert [each["attempt"] for each in found["services"]] == [0, 0, 0]


def test_logs_can_be_read_after_the_end_and_of_known_services_only(stacks: StackHub) -> None:
    stacks.project("told", BACKEND)
    none = stacks.run("project", "logs", "told", "backend", code=8)
    assert "does not run" in none.err
    stacks.run("project", "start", "told")
    stacks.run("project", "stop", "told")
    assert "Uvicorn running" in stacks.run("project", "logs", "told", "backend").out
    found = stacks.run("project", "logs", "told", "backend", "--grep", "Uvicorn running").out
    assert len(found.splitlines()) == 1
    with stacks.client as client:
        answer = client.get("/projects/told/services/nope/logs")
        assert answer.status_code == 400
        assert answer.json()["fields"]["services"] == ["postgres", "redis", "backend"]
        assert client.get("/projects/nobody/services/nope/logs").status_code == 404
        assert client.post("/projects/told/services/nope/restart").status_code == 400
        assert client.post("/projects/told/services/backend/restart").status_code == 409


def test_following_a_log_goes_on_over_a_restart(stacks: StackHub) -> None:
    stacks.project("followed", BACKEND)
    stacks.run("project", "start", "followed")
    with stacks.begin("project", "logs", "followed", "backend", "-f") as following:
        following.says("Uvicorn running")
        url = f"http://127.0.0.1:{stacks.host_port('followed', 'backend')}/exit"
        with suppress(httpx.HTTPError):
            web.get(url)
        following.says("going away")
        wait_for("the second start", lambda: following.out.count("Uvicorn running") == 2)


def test_limits_are_changed_per_project_and_read_back(stacks: StackHub) -> None:
    stacks.project("limited", BACKEND)
    stacks.run("project", "set", "limited", "--memory", "backend=300m", "--cpus", "backend=0.25")
    stacks.run("project", "start", "limited")
    backend = stacks.service("limited", "backend")
    assert backend["memory_bytes"]["asked"] == 300 * 1024**2
    assert backend["cpus"]["asked"] == 0.25
    if backend["cpus"]["actual"] is not None:  # where the machine lets the hub limit
        assert backend["cpus"]["actual"] == 0.25
        assert backend["memory_bytes"]["actual"] == 300 * 1024**2
    stacks.run("project", "set", "limited", "--cpus", "nope=1", code=7)


def test_a_running_project_is_not_removed(stacks: StackHub) -> None:
    stacks.project("staying", BACKEND)
    stacks.run("project", "start", "staying")
    assert "project stop" in stacks.run("project", "remove", "staying", code=8).err
    stacks.run("project", "stop", "staying")
    removed = stacks.run("project", "remove", "staying").out
    assert "postgres-data (" in removed
    folder = stacks.projects / "staying"
    assert f"project add {folder} --name staying" in " ".join(removed.split())
    assert "taken up again" in " ".join(stacks.run("project", "add", str(folder)).out.split())
    assert "--yes" in stacks.run("project", "remove", "staying", "--delete-data", code=2).err
    gone = stacks.run("project", "remove", "staying", "--delete-data", "--yes").out
    assert "Its data is deleted." in gone
    assert "taken up again" not in stacks.run("project", "add", str(folder)).out


def test_a_compose_file_with_known_images_runs(stacks: StackHub) -> None:
    port = free_port()
    compose = f"""
services:
  cache:
    image: redis:7
    command: redis-server --requirepass sesame-open
  db:
    image: postgres:16
    environment: {{POSTGRES_PASSWORD: very-secret-indeed}}
    volumes: ["data:/var/lib/postgresql/data"]
  web:
    image: python:3.12
    command: ["sh", "-c", "exec python3 -m http.server 8080"]
    healthcheck:
      test: python -c 'from socket import *; create_connection(("127.0.0.1", 8080))'
      interval: 1s
    working_dir: /site
    volumes: [".:/site:ro"]
    ports: ["{port}:8080"]
    depends_on:
      db: {{condition: service_healthy}}
      cache: {{condition: service_started}}
volumes: {{data: }}
"""
    folder = stacks.project("composed", compose__yaml=compose)
    stacks.run("project", "start", "composed")
    assert web.get(f"http://127.0.0.1:{port}/compose.yaml").text == compose
    _environment(folder, "/opt/not/shown/python")
    refused = stacks.run("project", "restart", "composed", code=8).err
    assert "leads to /opt/not/shown/python, which services do not see" in _one_line(refused)
    _environment(folder, os.path.realpath(sys.executable))  # as `python3 -m venv` does it
    assert web.get(f"http://127.0.0.1:{port}/compose.yaml").text == compose
    stacks.run("project", "restart", "composed")
    assert "of the project's .venv" in stacks.service("composed", "web")["runs_as"]
    os.kill(stacks.processes("redis-server", _volume("composed", stacks))[-1], signal.SIGKILL)
    stacks.until("composed", "the end", lambda found: found["state"] == "error")
    told = " ".join(stacks.run("project", "status", "composed", code=1).out.split())
    assert "cache failed: It was killed (SIGKILL)." in told
    assert "project restart composed cache" in told
    other = compose.replace("image: redis:7", "image: example/other:1")
    stacks.project("foreign", compose__yaml=other.replace(str(port), str(free_port())))
    done = stacks.run("project", "start", "foreign", code=8)
    assert "example/other:1" in done.err
    assert "docker" in done.err  # the command that chooses it, or what it lacks here


def _environment(folder: Path, python: str) -> None:
    shutil.rmtree(folder / ".venv", ignore_errors=True)
    (folder / ".venv" / "bin").mkdir(parents=True)
    home = Path(python).parent
    (folder / ".venv" / "pyvenv.cfg").write_text(f"home = {home}\nversion = 3.11.1\n")
    (folder / ".venv" / "bin" / "python3").symlink_to(python)
    (folder / ".venv" / "bin" / "python").symlink_to("python3")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _volume(name: str, hub: StackHub) -> str:
    return str(hub.json("project", "show", name)["id"])


def _mounts(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/mountinfo").read_text()
    except OSError:
        return ""
