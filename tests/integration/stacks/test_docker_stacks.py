"""Stacks of projects in containers of a real engine, in images that were made for it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests import web
from tests.docker_engine import DockerEngine, own_engine, why_not
from tests.integration.stacks.docker_images import docker, make_small_image, need_programs
from tests.integration.stacks.stack_hub import StackHub

# An engine, a hub and an image are made by whichever test of a worker comes first.
pytestmark = pytest.mark.timeout(240)

COMPOSE = """
services:
  web:
    image: cc-tests/small:1
    command: [/bin/httpd, -f, -p, "8080", -h, /workspace/site]
    volumes: [".:/workspace:ro"]
    ports: ["8080"]
    mem_limit: 64m
    restart: unless-stopped
    init: true
    depends_on: {store: {condition: service_healthy}}
  store:
    build: store
    volumes: ["kept:/kept"]
    configs: [{source: greeting, target: /etc/greeting}]
    cap_add: [KILL]
    read_only: true
    restart: always
    init: true
volumes: {kept: }
configs: {greeting: {content: "good morning"}}
"""
DOCKERFILE = """
FROM cc-tests/small:1
USER keeper
VOLUME /state
HEALTHCHECK --interval=1s CMD test -e /state/ready
CMD ["/bin/sh", "-c", "chmod 700 /kept; date >>/kept/starts; cat /etc/greeting; echo; id -u; wc -l </kept/starts; \
echo >/state/ready; exec sleep 600"]
"""


IMAGE = "cc-tests/small:1"


@dataclass
class DockerHub(StackHub):
    host: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "COMMANDCENTER_STACK_RUNTIME": "docker",
            "DOCKER_HOST": self.host,
        }

    def site(self, name: str) -> None:
        folder = self.project(name, compose__yaml=COMPOSE)
        (folder / "site").mkdir()
        (folder / "site" / "index.html").write_text(f"the page of {name}")
        (folder / "store").mkdir()
        (folder / "store" / "Dockerfile").write_text(DOCKERFILE)

    def container(self, name: str, service: str) -> str:
        """The id of the container in which the service runs."""
        network = self.json("project", "show", name)["id"]
        labels = (f"commandcenter.network={network}", f"commandcenter.name={service}")
        words = [word for each in labels for word in ("-f", f"label={each}")]
        return docker(self.host, "ps", "-q", "--no-trunc", "-f", "status=running", *words)


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerEngine]:
    busybox = need_programs()
    if reason := why_not():
        pytest.skip(reason)
    with own_engine() as made:
        make_small_image(made.url, busybox, IMAGE)
        yield made


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, engine: DockerEngine) -> Iterator[DockerHub]:
    place = tmp_path_factory.mktemp("docker")
    made = DockerHub(place / "data", place / "projects", host=engine.url)
    made.projects.mkdir()
    made.start()
    try:
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def site(hub: DockerHub) -> dict[str, Any]:
    hub.site("site")
    hub.run("project", "start", "site")
    return hub.status("site")


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in found["services"]}


def is_healthy_after(service: str, number: int, found: dict[str, Any]) -> bool:
    return bool(found["overall_healthy"] and by_name(found)[service]["attempt"] > number)


def test_images_are_run_and_built_and_healthy_by_their_own_checks(
    hub: DockerHub, site: dict[str, Any]
) -> None:
    assert (site["state"], site["runtime"], site["overall_healthy"]) == ("running", "docker", True)
    services = by_name(site)
    assert services["web"]["runs_as"].startswith("runs the image cc-tests/small")
    assert services["store"]["runs_as"].startswith("runs what store/Dockerfile builds")
    port = services["web"]["ports"][0]["host_port"]
    page = web.get(f"http://127.0.0.1:{port}/")
    assert page.text == "the page of site"
    memory = services["web"]["memory_bytes"]
    assert memory["asked"] == memory["actual"] == 64 * 1024**2
    assert memory["used"] > 0
    lines = hub.run("project", "logs", "site", "store").out
    assert [line.split(maxsplit=1)[1] for line in lines.splitlines()] == [
        "good morning",
        "500",
        "1",
    ]


def test_hardening_is_told_by_service(hub: DockerHub, site: dict[str, Any]) -> None:
    services = by_name(site)
    web = services["web"]["hardening"]
    assert "runs as user 1000:1000, not root" in web["added"]
    assert "at most 512 processes" in web["added"]
    assert [each["what"] for each in web["excepted"]] == ["the root file system is writable"]
    store = services["store"]["hardening"]
    assert any(each.endswith("as the definition or its image says") for each in store["added"])
    assert [each["what"] for each in store["excepted"]] == ["capability KILL"]
    shown = hub.run("project", "status", "site", "--hardening").out
    assert "  + all capabilities are dropped" in shown
    assert "  ! capability KILL: the definition asks for it" in shown
    told = json.loads(docker(hub.host, "inspect", hub.container("site", "store")))[0]
    assert told["Config"]["User"] == "500:501"
    assert told["HostConfig"]["ReadonlyRootfs"] is True
    assert told["HostConfig"]["CapAdd"] == ["KILL"]


def test_what_is_ended_behind_our_back_is_started_again(
    hub: DockerHub, site: dict[str, Any]
) -> None:
    before = by_name(hub.status("site"))
    for action in (("kill",), ("rm", "-f")):
        number = hub.service("site", "web")["attempt"]
        docker(hub.host, *action, hub.container("site", "web"))
        hub.until("site", "the restart", partial(is_healthy_after, "web", number))
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
    assert [each for each in before if each not in docker(hub.host, "ps", "-q", "--no-trunc")] == []
    hub.start()
    hub.healthy("site")
    assert [hub.container("site", name) for name in names] == before


def what_is_left(hub: DockerHub, project_id: str) -> str:
    """What the engine has of a project, whichever way it knows of it."""
    network, project = (
        f"label=commandcenter.{kind}={project_id}" for kind in ("network", "project")
    )
    return "\n".join(
        (
            docker(hub.host, "ps", "-aq", "-f", network),
            docker(hub.host, "network", "ls", "-q", "-f", f"name={project_id}"),
            docker(hub.host, "volume", "ls", "-q", "-f", project),
        )
    ).strip()


def test_a_fork_has_the_data_and_a_discard_leaves_nothing(
    hub: DockerHub, site: dict[str, Any]
) -> None:
    before = by_name(hub.healthy("site"))
    starts = ("exec", hub.container("site", "store"), "wc", "-l", "/kept/starts")
    known = int(docker(hub.host, *starts).split()[0])
    done = hub.run("project", "fork", "site", "--as", "site-2")
    assert "site-2 is a copy of site" in done.out
    assert "stood still for" in done.out
    counted = hub.run("project", "logs", "site-2", "store", "--tail", "1").out.split()[-1]
    assert int(counted) == known + 1  # the fork's own start comes after those of the origin
    assert int(docker(hub.host, *starts).split()[0]) == known
    after = by_name(hub.healthy("site"))
    for key in ("attempt", "restarts", "ports"):
        assert [each[key] for each in after.values()] == [each[key] for each in before.values()]
    for name in ("site", "site-2"):
        page = web.get(f"http://127.0.0.1:{hub.host_port(name, 'web')}/")
        assert page.text == "the page of site"
    fork = hub.json("project", "show", "site-2")["id"]
    assert len(what_is_left(hub, fork).splitlines()) == 5  # two containers, a network, two volumes
    hub.run("project", "discard", "site-2", "--yes")
    assert what_is_left(hub, fork) == ""
    assert list(hub.data.rglob(f"*{fork}*")) == []
    assert hub.container("site", "store") == starts[1]


def test_an_image_that_is_not_there_is_told_at_once(hub: DockerHub) -> None:
    compose = "services: {gone: {image: 'cc-tests/gone:1', pull_policy: never}}\n"
    hub.project("gone", compose__yaml=compose)
    done = hub.run("project", "start", "gone", code=1)
    assert "The image cc-tests/gone:1 is not on the engine" in done.out
    assert hub.service("gone", "gone")["attempt"] == 1


def test_the_sandbox_names_the_command_that_chooses_docker(hub: DockerHub) -> None:
    compose = "services: {small: {image: 'cc-tests/small:1', init: true}}\n"
    hub.project("small", compose__yaml=compose)
    hub.run("project", "set", "small", "--runtime", "sandbox")
    done = hub.run("project", "start", "small", code=8)
    assert "project set small --runtime docker" in done.err
    told = hub.run("project", "set", "small", "--runtime", "moon", code=7).err
    assert "docker, sandbox" in told
    hub.run("project", "set", "small", "--runtime", "default")
    assert hub.status("small")["next_runtime"] == "docker"
    hub.run("project", "start", "small")
    assert hub.status("small")["runtime"] == "docker"


def _says_that_the_engine_is_away(found: dict[str, Any]) -> bool:
    told = ("health_words", "message", "progress")
    words = (each[name] for each in found["services"] for name in told)
    return not found["overall_healthy"] and any("does not answer" in each for each in words)


def test_services_come_back_with_the_engine_and_use_up_no_tries(
    hub: DockerHub, engine: DockerEngine, site: dict[str, Any]
) -> None:
    before = hub.service("site", "web")["attempt"]
    engine.stop()
    try:
        # The engine ends its containers before itself; what is told first is that they ended.
        hub.until("site", "word of it", _says_that_the_engine_is_away)
        with hub.begin("project", "restart", "site", "web") as restarting:
            restarting.says("The container engine does not answer; it is waited for.")
    finally:
        engine.start()
    found = hub.until("site", "the restart", partial(is_healthy_after, "web", before))
    assert by_name(found)["web"]["attempt"] <= before + 3
    assert found["state"] == "running"


def test_data_is_found_again_and_deleted_without_a_start_in_between(
    hub: DockerHub, site: dict[str, Any]
) -> None:
    """The last one: it takes the project away."""
    folder, project = hub.projects / "site", site["project_id"]
    hub.run("project", "set", "site", "--runtime", "docker")
    hub.run("project", "stop", "site")
    assert "a volume of docker" in hub.run("project", "remove", "site").out
    hub.run("project", "add", str(folder))
    assert hub.json("project", "show", "site")["id"] == project
    assert len(what_is_left(hub, project).splitlines()) == 2  # its own, and the one of the image
    hub.run("project", "remove", "site", "--delete-data", "--yes")
    assert what_is_left(hub, project) == ""
