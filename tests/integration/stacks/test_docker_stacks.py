"""Stacks of projects in containers of a real engine, in images that were made for it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from commandcenter.runtimes.docker.places import Places
from tests.integration.stacks.docker_images import docker, need_engine, remove_all, small_image
from tests.integration.stacks.stack_hub import StackHub

COMPOSE = """
services:
  web:
    image: {image}
    command: [/bin/httpd, -f, -p, "8080", -h, /workspace/site]
    volumes: [".:/workspace:ro"]
    ports: ["8080"]
    mem_limit: 64m
    restart: unless-stopped
    init: true
    depends_on: {{store: {{condition: service_healthy}}}}
  store:
    build: store
    volumes: ["kept:/kept"]
    configs: [{{source: greeting, target: /etc/greeting}}]
    cap_add: [KILL]
    read_only: true
    restart: always
    init: true
volumes: {{kept: }}
configs: {{greeting: {{content: "good morning"}}}}
"""
DOCKERFILE = """
FROM {image}
USER keeper
VOLUME /state
HEALTHCHECK --interval=1s CMD test -e /state/ready
CMD ["/bin/sh", "-c", "date >>/kept/starts; cat /etc/greeting; echo; id -u; wc -l </kept/starts; \
echo >/state/ready; exec sleep 600"]
"""


class DockerHub(StackHub):
    arguments = ("--no-demo", "--runtime", "sandbox")

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "COMMANDCENTER_STACK_RUNTIME": "docker"}

    def site(self, name: str, image: str) -> None:
        folder = self.project(name, compose__yaml=COMPOSE.format(image=image))
        (folder / "site").mkdir()
        (folder / "site" / "index.html").write_text(f"the page of {name}")
        (folder / "store").mkdir()
        (folder / "store" / "Dockerfile").write_text(DOCKERFILE.format(image=image))

    def container(self, name: str, service: str) -> str:
        """The id of the container in which the service runs."""
        filters = (f"label=commandcenter.network={self.json('project', 'show', name)['id']}",)
        filters += (f"label=commandcenter.name={service}", "status=running")
        words = [word for each in filters for word in ("-f", each)]
        return docker("ps", "-q", "--no-trunc", *words)


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with small_image(need_engine()) as name:
        yield name


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[DockerHub]:
    place = tmp_path_factory.mktemp("docker")
    made = DockerHub(place / "data", place / "projects")
    made.projects.mkdir()
    try:
        made.start()
        yield made
    finally:
        try:
            made.end()
        finally:
            remove_all(Places.of(made.data).labels())


@pytest.fixture(scope="module")
def site(hub: DockerHub, image: str) -> dict[str, Any]:
    hub.site("site", image)
    hub.run("project", "start", "site")
    return hub.status("site")


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in found["services"]}


def test_images_are_run_and_built_and_healthy_by_their_own_checks(
    hub: DockerHub, site: dict[str, Any]
) -> None:
    assert (site["state"], site["runtime"], site["overall_healthy"]) == ("running", "docker", True)
    services = by_name(site)
    assert services["web"]["runs_as"].startswith("runs the image cc-tests/small")
    assert services["store"]["runs_as"].startswith("runs what store/Dockerfile builds")
    port = services["web"]["ports"][0]["host_port"]
    page = httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
    assert page.text == "the page of site"
    memory = services["web"]["memory_bytes"]
    assert memory["asked"] == memory["actual"] == 64 * 1024**2
    assert memory["used"] > 0
    lines = hub.run("project", "logs", "site", "store").out
    assert [each in lines for each in ("good morning", "500", "1")] == [True, True, True]


def test_hardening_is_told_by_service(hub: DockerHub, site: dict[str, Any]) -> None:
    services = by_name(site)
    web = services["web"]["hardening"]
    assert "runs as user 1000:1000, not root" in web["added"]
    assert "at most 512 processes" in web["added"]
    assert [each["what"] for each in web["excepted"]] == ["the root file system is writable"]
    store = services["store"]["hardening"]
    assert not any("runs as user" in each for each in store["added"])
    assert [each["what"] for each in store["excepted"]] == ["capability KILL"]
    shown = hub.run("project", "status", "site", "--hardening").out
    assert "  + all capabilities are dropped" in shown
    assert "  ! capability KILL: the definition asks for it" in shown
    told = json.loads(docker("inspect", hub.container("site", "store")))[0]
    assert told["Config"]["User"] == "500:501"
    assert told["HostConfig"]["ReadonlyRootfs"] is True
    assert told["HostConfig"]["CapAdd"] == ["KILL"]


def test_what_is_ended_behind_our_back_is_started_again(
    hub: DockerHub, site: dict[str, Any]
) -> None:
    before = by_name(hub.status("site"))
    for action in (("kill",), ("rm", "-f")):
        number = hub.service("site", "web")["attempt"]
        docker(*action, hub.container("site", "web"))
        hub.until(
            "site",
            "the restart",
            lambda found, number=number: (
                found["overall_healthy"] and by_name(found)["web"]["attempt"] > number
            ),
        )
    assert hub.service("site", "store")["attempt"] == before["store"]["attempt"]


def test_one_service_is_restarted_in_the_same_image_and_keeps_its_data(
    hub: DockerHub, site: dict[str, Any]
) -> None:
    before = hub.service("site", "store")
    hub.run("project", "restart", "site", "store")
    after = hub.service("site", "store")
    assert after["attempt"] == before["attempt"] + 1
    assert after["runs_as"] == before["runs_as"]
    hub.run("project", "stop", "site")
    hub.run("project", "start", "site")
    starts = hub.run("project", "logs", "site", "store", "--tail", "1").out.split()[-1]
    assert int(starts) == hub.service("site", "store")["attempt"] == after["attempt"] + 1


def test_the_next_hub_goes_on_with_the_same_containers(
    hub: DockerHub, site: dict[str, Any]
) -> None:
    names = ("web", "store")
    before = [hub.container("site", name) for name in names]
    hub.kill()
    assert [each for each in before if each not in docker("ps", "-q", "--no-trunc")] == []
    hub.start()
    hub.healthy("site")
    assert [hub.container("site", name) for name in names] == before


def test_an_image_that_is_not_there_is_told_at_once(hub: DockerHub) -> None:
    compose = "services: {gone: {image: 'cc-tests/gone:1', pull_policy: never}}\n"
    hub.project("gone", compose__yaml=compose)
    done = hub.run("project", "start", "gone", code=1)
    assert "The image cc-tests/gone:1 is not on the engine" in done.out
    assert hub.service("gone", "gone")["attempt"] == 1


def test_the_sandbox_names_the_command_that_chooses_docker(hub: DockerHub, image: str) -> None:
    compose = f"services: {{small: {{image: '{image}'}}}}\n"
    hub.project("small", compose__yaml=compose)
    hub.run("project", "set", "small", "--runtime", "sandbox")
    done = hub.run("project", "start", "small", code=8)
    assert "project set small --runtime docker" in done.err
    assert (
        "docker, fake, sandbox"
        in hub.run("project", "set", "small", "--runtime", "moon", code=7).err
    )
    hub.run("project", "set", "small", "--runtime", "default")
    assert hub.status("small")["next_runtime"] == "docker"
    hub.run("project", "start", "small")
    assert hub.status("small")["runtime"] == "docker"
