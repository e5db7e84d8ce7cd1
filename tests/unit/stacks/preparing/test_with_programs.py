"""From a service of the model to an attempt on a runtime without images."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commandcenter.runner.interpreter import own_interpreter
from commandcenter.runtimes.capabilities import Capabilities
from commandcenter.runtimes.spec import AttemptSpec, PublishedPort, Volume, WorkspaceAccess
from commandcenter.stacks.errors import ServiceNotPreparedError, ServiceUnsupportedError
from commandcenter.stacks.health import HealthCheck, HttpProbe, ShellProbe, TcpProbe
from commandcenter.stacks.model import Build, Service
from commandcenter.stacks.ports import Key
from commandcenter.stacks.prepared import CommandCheck, HttpCheck, Prepared, TcpCheck
from commandcenter.stacks.preparing.place import Place
from commandcenter.stacks.preparing.stand_ins import official
from commandcenter.stacks.preparing.with_programs import prepare
from commandcenter.stacks.resources import (
    BindMount,
    ExposedPort,
    NetworkAttachment,
    Port,
    Protocol,
    ServiceLimits,
    TmpfsMount,
    VolumeMount,
)

SANDBOX = Capabilities(
    name="sandbox",
    available=True,
    isolation="full",
    limits=frozenset({"cpu", "memory", "pids", "disk"}),
    watched_limits=frozenset(),
    network_off=True,
    network_allow_list=True,
    services=True,
    live_workspace=True,
    warm_pool=True,
)
WEB = Service(
    "web",
    image="python:3.13-slim",
    command=("python", "-m", "http.server", "8000"),
    working_directory="/workspace",
    mounts=(BindMount(".", "/workspace"),),
    ports=(Port(8000),),
    networks=(NetworkAttachment("default", ("site",)),),
)


def prepared(
    folder: Path, service: Service = WEB, ports: Mapping[Key, int] | None = None
) -> Prepared:
    place = Place("project_1", folder, Path("/data"), ports or {})
    return prepare(service, 7, place, SANDBOX)


def changed(**fields: Any) -> Service:
    return replace(WEB, **fields)


def test_names_ports_limits_and_mounts_come_over(tmp_path: Path) -> None:
    service = changed(
        limits=ServiceLimits(cpus=0.5, memory_bytes=300 * 1024**2),
        mounts=(
            *WEB.mounts,
            BindMount("static", "/static", read_only=True),
            VolumeMount("/var/cache/web", "cache"),
            TmpfsMount("/scratch", 1024**2),
        ),
        stop_signal="SIGUSR1",
        stop_grace_seconds=3.0,
    )
    spec = prepared(tmp_path, service, {("web", 8000, Protocol.TCP): 20007}).spec
    assert spec.attempt_id == "project_1.web.7"
    assert (spec.limits.cpu, spec.limits.memory_bytes) == (0.5, 300 * 1024**2)
    assert spec.grace_seconds == 3.0
    assert spec.workspace is not None
    assert spec.workspace.access is WorkspaceAccess.WRITE
    assert spec.service is not None
    assert (spec.service.network, spec.service.names) == ("project_1", ("web", "site"))
    assert spec.service.ports == (PublishedPort(20007, 8000),)
    assert spec.service.volumes == (
        Volume(tmp_path / "static", "/static", writable=False),
        Volume(Path("/data/volumes/project_1/cache"), "/var/cache/web"),
    )
    assert spec.service.tmpfs == {"/scratch": 1024**2}
    assert (spec.service.uid, spec.service.directory) == (1000, "/workspace")
    assert spec.service.stop_signal == 10


def test_what_looks_like_a_secret_is_kept_from_logs(tmp_path: Path) -> None:
    environment = {
        "APP_PASSWORD": "long-enough",
        "DATABASE": "postgresql://app:hidden@db/app",
        "MODE": "development",
        "API_KEY": "short",
    }
    spec = prepared(tmp_path, changed(environment=environment)).spec
    assert set(spec.secret_environment) == {"APP_PASSWORD", "DATABASE"}
    assert spec.environment["MODE"] == "development"
    assert "long-enough" not in repr(spec.environment)


@pytest.mark.parametrize("user", ["0", "0:0", "root", "root:staff"])
def test_root_is_refused(tmp_path: Path, user: str) -> None:
    with pytest.raises(ServiceUnsupportedError, match=f"user: {user}"):
        prepared(tmp_path, changed(user=user))


@pytest.mark.parametrize("user", [None, "somebody"])
def test_nobody_is_root(tmp_path: Path, user: str | None) -> None:
    spec = prepared(tmp_path, changed(user=user)).spec
    assert spec.service is not None
    assert (spec.service.uid, spec.service.gid) == (1000, 1000)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"image": "example/other:1"}, "example/other:1, and the sandbox"),
        ({"image": "registry.example.org/python:3"}, "sandbox has no images"),
        ({"image": None, "build": Build(".")}, "built from Dockerfile"),
        ({"entrypoint": ("/start.sh",)}, "entrypoint"),
        ({"command": None}, "no command"),
        ({"cap_add": ("NET_ADMIN",)}, "NET_ADMIN"),
        ({"ports": (Port(53, protocol=Protocol.UDP),)}, "UDP ports .*53"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(ServiceUnsupportedError, match=words) as caught:
        prepared(tmp_path, changed(**fields))
    assert caught.value.fields["service"] == "web"


@pytest.mark.parametrize(
    ("image", "program"),
    [
        ("postgres:16", "postgres"),
        ("docker.io/library/redis@sha256:0123", "redis"),
        ("node", "node"),
        ("bitnami/redis:7", None),
        ("ghcr.io/python:3", None),
        ("python3:latest", None),
        (None, None),
    ],
)
def test_only_official_images_are_stood_in_for(image: str | None, program: str | None) -> None:
    assert official(image) == program


@pytest.mark.parametrize(
    ("service", "check"),
    [
        (changed(health=HealthCheck(HttpProbe(8000, "/up"))), HttpCheck(8000, "/up")),
        (
            changed(health=HealthCheck(ShellProbe("test -e /x"))),
            CommandCheck(("/bin/sh", "-c", "test -e /x")),
        ),
        (changed(health=HealthCheck(TcpProbe(9))), TcpCheck(9)),
        (WEB, TcpCheck(8000)),
        (changed(ports=(), expose=(ExposedPort(81),)), TcpCheck(81)),
        (changed(ports=()), None),
    ],
)
def test_how_its_health_is_asked(tmp_path: Path, service: Service, check: object) -> None:
    assert prepared(tmp_path, service).check == check


def test_the_hubs_own_python_runs_what_needs_no_more(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# ours\n-r other.txt\nFastAPI>=0.1 ; x\nuvicorn\n")
    found = prepared(tmp_path, changed(command=("uvicorn", "main:app")))
    assert found.spec.command == ("python", "-m", "uvicorn", "main:app")
    assert "of the hub itself in place of image python:3.13-slim" in found.runs_as


def test_python_is_shown_for_a_shell_to_find_it(tmp_path: Path) -> None:
    shell = changed(command=("sh", "-c", "python -m http.server 8000"))
    spec = prepared(tmp_path, shell).spec
    assert spec.environment["PATH"].startswith(f"{Path(sys.executable).parent}:")
    assert shown(spec) == {Path(tree) for tree in own_interpreter().trees}


def shown(spec: AttemptSpec) -> set[Path]:
    assert spec.service is not None
    return set(spec.service.programs)


def test_missing_packages_are_named_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("fastapi\nno-such-package==1\n")
    with pytest.raises(ServiceNotPreparedError, match="no-such-package") as caught:
        prepared(tmp_path)
    assert "fastapi" not in caught.value.detail
    assert caught.value.hint is not None
    assert f"{tmp_path}/.venv/bin/pip install -r {tmp_path}/requirements.txt" in caught.value.hint


def environment(folder: Path, python: str) -> None:
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.1\n")
    (folder / ".venv" / "bin" / "python").symlink_to(python)


def test_the_projects_own_environment_comes_first(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("no-such-package\n")
    environment(tmp_path, os.path.realpath(sys.executable))
    found = prepared(tmp_path)
    assert found.spec.command[0] == "/workspace/.venv/bin/python"
    assert found.spec.environment["PATH"].startswith("/workspace/.venv/bin:")
    assert "Python 3.12 of the project's .venv" in found.runs_as
    base = Path(sys.executable).resolve()
    assert base.is_relative_to("/usr") or any(map(base.is_relative_to, shown(found.spec)))


@pytest.mark.parametrize("last", ["nothing", "a python of its own", "the hub's python"])
def test_an_environment_does_not_decide_what_of_the_machine_is_shown(
    tmp_path: Path, last: str
) -> None:
    elsewhere = tmp_path / "private" / "python"
    elsewhere.parent.mkdir()
    if last == "a python of its own":
        elsewhere.touch()
    elif last == "the hub's python":  # services see it, and not the way to it
        elsewhere.symlink_to(os.path.realpath(sys.executable))
    folder = tmp_path / "project"
    folder.mkdir()
    environment(folder, str(elsewhere))
    with pytest.raises(ServiceNotPreparedError, match=f"leads to {elsewhere}, which") as caught:
        prepared(folder)
    assert caught.value.hint is not None
    assert f"/usr/bin/python3 -m venv --clear {folder}/.venv" in caught.value.hint


@pytest.mark.parametrize("is_seen", [True, False])
def test_the_python_proposed_for_an_environment_is_one_that_services_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_seen: bool
) -> None:
    found = tmp_path / "python3"
    found.write_text("#!/bin/sh\n")
    found.chmod(0o755)
    real = Path(os.path.realpath(sys.executable))
    monkeypatch.setenv("PATH", str(real.parent if is_seen else tmp_path))
    (tmp_path / "requirements.txt").write_text("no-such-package\n")
    with pytest.raises(ServiceNotPreparedError) as caught:
        prepared(tmp_path)
    assert caught.value.hint is not None
    assert f": {'' if is_seen else '/usr/bin/'}python3 -m venv " in caught.value.hint


def test_a_program_of_node_modules_is_taken_from_there_alone(tmp_path: Path) -> None:
    service = changed(image="node:22", command=("npx", "vite", "--port", "3000"))
    with pytest.raises(ServiceNotPreparedError, match="vite") as caught:
        prepared(tmp_path, service)
    assert caught.value.hint is not None
    assert f"npm install --prefix {tmp_path}" in caught.value.hint
    modules = tmp_path / "node_modules"
    (modules / ".bin").mkdir(parents=True)
    (tmp_path / "outside.js").touch()
    (modules / ".bin" / "vite").symlink_to("../../outside.js")
    with pytest.raises(ServiceNotPreparedError):
        prepared(tmp_path, service)
    (modules / ".bin" / "vite").unlink()
    (modules / "vite" / "bin").mkdir(parents=True)
    (modules / "vite" / "bin" / "vite.js").touch()
    (modules / ".bin" / "vite").symlink_to("../vite/bin/vite.js")
    command = prepared(tmp_path, service).spec.command
    assert command[1:] == ("/workspace/node_modules/vite/bin/vite.js", "--port", "3000")
