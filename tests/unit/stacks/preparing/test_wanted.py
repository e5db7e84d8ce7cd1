"""Which image a service is to run in."""

from pathlib import Path

import pytest

from commandcenter.runtimes.images import ImageBuild, ImageWanted
from commandcenter.stacks.errors import ServiceNotPreparedError, ServiceUnsupportedError
from commandcenter.stacks.model import Build, PullPolicy, Service, Stack
from commandcenter.stacks.preparing.place import Place
from commandcenter.stacks.preparing.wanted import image_wanted, with_builds_of_others


def wanted(folder: Path, service: Service) -> ImageWanted:
    return image_wanted(service, Place("PRJ_1", folder, Path("/data"), {}))


def test_an_image_is_asked_for_as_it_is_written(tmp_path: Path) -> None:
    service = Service("db", "postgres:16", pull_policy=PullPolicy.ALWAYS, platform="linux/arm64")
    assert wanted(tmp_path, service) == ImageWanted(
        "postgres:16", pull="always", platform="linux/arm64", with_users=True
    )


def test_a_build_has_a_name_within_the_project_and_is_built_as_the_folder_is(
    tmp_path: Path,
) -> None:
    (tmp_path / "web" / "docker").mkdir(parents=True)
    (tmp_path / "web" / "docker" / "Dockerfile.dev").write_text("FROM scratch\n")
    build = Build("web", "web/docker/Dockerfile.dev", target="dev", args={"A": "b"})
    found = wanted(tmp_path, Service("web", build=build))
    assert (found.reference, found.pull) == ("commandcenter/prj_1:service-web", "build")
    assert found.build == ImageBuild(
        tmp_path / "web", "docker/Dockerfile.dev", target="dev", args={"A": "b"}
    )
    named = wanted(tmp_path, Service("web", "postgres:16", build))
    assert named.reference == "commandcenter/prj_1:image-postgres-16"


def test_a_dockerfile_beside_the_context_is_given_as_text(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    build = wanted(tmp_path, Service("web", build=Build("web", "Dockerfile"))).build
    assert build is not None
    assert build.dockerfile_inline == "FROM scratch\n"


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (Build("missing"), "the folder missing"),
        (Build(".", "Dockerfile"), "Dockerfile, which is not"),
    ],
)
def test_what_is_built_from_nothing_is_told(tmp_path: Path, build: Build, words: str) -> None:
    with pytest.raises(ServiceNotPreparedError, match=words):
        wanted(tmp_path, Service("web", build=build))


def test_nothing_to_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnsupportedError, match="neither an image nor a build"):
        wanted(tmp_path, Service("web"))


def test_who_names_the_image_of_another_is_built_like_it() -> None:
    web = Service("web", "shop", Build("."))
    worker, cache = Service("worker", "shop"), Service("cache", "redis:7")
    stack = Stack("shop", (web, worker, cache))
    assert with_builds_of_others(worker, stack).build == web.build
    assert with_builds_of_others(cache, stack) == cache
