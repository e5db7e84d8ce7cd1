"""Compose files that reach for the host: refused by the line, and nothing of them is started."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.stacks.stack_hub import StackHub

# Each line that ends in a comment is to be refused by its number.
_REACHING = """\
services:
  web:
    image: python:3.12
    command: python -m http.server
    privileged: true  # !
    network_mode: host  # !
    pid: host  # !
    ipc: host  # !
    userns_mode: host  # !
    cap_add: [SYS_ADMIN]
    security_opt: ["seccomp:unconfined"]  # !
    devices: ["/dev/sda:/dev/sda"]  # !
    cgroup_parent: /  # !
    volumes:
      - /:/host  # !
      - /etc/shadow:/shadow:ro  # !
      - /var/run/docker.sock:/var/run/docker.sock  # !
      - ../../..:/above  # !
      - ./out:/linked  # !
      - ~/.ssh:/ssh  # !
    env_file: ./passwd  # !
    build: ./out  # !
  other:
    image: redis:7
    volumes_from: ["container:another"]  # !
    extends: {file: ../other.yaml, service: web}  # !
    networks: [outside]
networks:
  outside: {external: true}  # !
volumes:
  disk: {driver_opts: {type: none, device: /, o: bind}}  # !
secrets:
  key: {file: /etc/shadow}  # !
"""
_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(97 + n)}: &{chr(97 + n)} [{', '.join([f'*{chr(96 + n)}'] * 9)}]\n" for n in range(1, 12)
)


def _huge(folder: Path) -> None:
    with (folder / "compose.yaml").open("a") as file:
        file.write("# " + "x" * (2 * 1024**2))


def _deep(folder: Path) -> None:
    (folder / "compose.yaml").write_text("services: " + "[" * 50_000)


def _bomb(folder: Path) -> None:
    (folder / "compose.yaml").write_text(_BOMB + "services: {web: {image: x, labels: *l}}\n")


def _pipe(folder: Path) -> None:
    (folder / "compose.yaml").unlink()
    os.mkfifo(folder / "compose.yaml")


def _link(folder: Path) -> None:
    (folder / "compose.yaml").unlink()
    (folder / "compose.yaml").symlink_to("/etc/passwd")


def _including(folder: Path) -> None:
    (folder / "compose.yaml").write_text("include: [compose.yaml]\nservices: {}\n")


def test_what_reaches_for_the_host_is_refused_by_its_line(stacks: StackHub) -> None:
    folder = stacks.project("reaching", compose__yaml=_REACHING)
    (folder / "out").symlink_to("/")
    (folder / "passwd").symlink_to("/etc/passwd")
    lines = _REACHING.splitlines()
    expected = {number for number, line in enumerate(lines, 1) if line.endswith("# !")}
    with stacks.client as client:
        for way in ("start", "restart"):
            refused = client.post(f"/projects/reaching/{way}")
            assert (refused.status_code, refused.json()["code"]) == (422, "compose_refused")
        told = refused.json()["fields"]["problems"]
        assert {each["line"] for each in told} >= expected, told
        assert "root:" not in refused.text
    done = stacks.run("project", "start", "reaching", code=None)
    assert done.code not in {0, 1}
    assert "compose.yaml:5" in done.err
    assert "privileged" in done.err
    _nothing_started(stacks, "reaching")


@pytest.mark.parametrize("change", [_huge, _deep, _bomb, _pipe, _link, _including])
def test_a_file_made_to_harm_its_reader_is_refused(
    stacks: StackHub, change: Callable[[Path], None]
) -> None:
    name = change.__name__.strip("_")
    folder = stacks.project(name, compose__yaml="services: {web: {image: 'redis:7'}}\n")
    change(folder)
    with stacks.client as client:
        refused = client.post(f"/projects/{name}/start")
    assert 400 <= refused.status_code < 500, refused.text
    assert "compose.yaml" in refused.json()["detail"]
    assert "root:" not in refused.text
    _nothing_started(stacks, name)


def _nothing_started(hub: StackHub, name: str) -> None:
    found = hub.status(name)
    assert found["state"] == "stopped"
    assert [each for each in found["services"] if each["attempt"]] == []
