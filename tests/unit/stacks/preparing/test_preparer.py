"""Which image is run: had once per start of the stack, and again only when it is gone."""

from pathlib import Path

import pytest

from commandcenter.kit.errors import ProblemError
from commandcenter.projects.errors import FolderNotFoundError
from commandcenter.runtimes.errors import ImageUnavailableError
from commandcenter.runtimes.images import ImageFacts
from commandcenter.stacks.errors import StackCannotStartError
from commandcenter.stacks.model import Build, PullPolicy, Service, Stack
from commandcenter.stacks.prepared import Prepared
from commandcenter.stacks.preparing.facts import facts_of, stored_facts
from commandcenter.stacks.preparing.place import Place
from commandcenter.stacks.preparing.preparer import Preparer
from commandcenter.stacks.resources import ServiceLimits
from tests.unit.stacks.shelf import Shelf

CACHE = Service("cache", "cache:1", pull_policy=PullPolicy.ALWAYS)


def preparer(shelf: Shelf, folder: Path, *services: Service, **images: ImageFacts) -> Preparer:
    place = Place("prj_1", folder, folder / "data", {})
    return Preparer(Stack("shop", services or (CACHE,)), place, shelf, images)


async def prepared(
    made: Preparer, number: int = 1, name: str = "cache", *, runs: bool = False
) -> Prepared:
    return await made.prepare(name, number, limits=ServiceLimits(), runs=runs, tell=lambda _: None)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path / "data")
    made.tags["cache:1"] = "sha256:first"
    return made


def reference(made: Prepared) -> str:
    assert made.spec.image is not None
    return made.spec.image.reference


async def test_what_is_restarted_runs_the_same_bits(shelf: Shelf, tmp_path: Path) -> None:
    made = preparer(shelf, tmp_path)
    assert reference(await prepared(made)) == "sha256:first"
    shelf.tags["sha256:first"] = "sha256:first"
    shelf.tags["cache:1"] = "sha256:second"
    assert reference(await prepared(made, 2)) == "sha256:first"
    assert [each.pull for each in shelf.wanted] == ["always", "never"]


async def test_what_one_service_keeps_secret_is_hidden_in_the_logs_of_all(
    shelf: Shelf, tmp_path: Path
) -> None:
    store = Service(
        "store", "cache:1", environment={"PASSWORD": "correct horse", "TZ": "UTC+12:00"}
    )
    made = preparer(shelf, tmp_path, CACHE, store)
    assert (await prepared(made)).spec.redact == ("correct horse",)


async def test_an_image_that_was_removed_is_had_again(shelf: Shelf, tmp_path: Path) -> None:
    made = preparer(shelf, tmp_path)
    await prepared(made)
    shelf.tags["cache:1"] = "sha256:second"
    assert reference(await prepared(made, 2)) == "sha256:second"


async def test_what_runs_is_watched_without_asking_for_its_image(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.tags.clear()
    stored = stored_facts(ImageFacts("sha256:old", 5, 6, command=("serve",), users={"a": (1, 2)}))
    facts = facts_of(stored)
    assert facts is not None
    made = preparer(shelf, tmp_path, cache=facts)
    assert reference(await prepared(made, 4, runs=True)) == "sha256:old"
    assert shelf.wanted == []
    assert facts_of({"reference": 1}) is None


async def test_an_image_that_is_not_to_be_had_is_told(shelf: Shelf, tmp_path: Path) -> None:
    shelf.tags.clear()
    with pytest.raises(ImageUnavailableError, match=r"cache:1 is nowhere"):
        await prepared(preparer(shelf, tmp_path))


async def test_all_that_stands_against_a_start_is_told_together(
    shelf: Shelf, tmp_path: Path
) -> None:
    services = (
        Service("web", build=Build("missing")),
        Service("worker", "x", user="root"),
        CACHE,
    )
    with pytest.raises(StackCannotStartError, match=r"missing.*user: root") as caught:
        await preparer(shelf, tmp_path, *services).check()
    problems: dict[str, ProblemError] = dict(caught.value.problems)
    assert set(problems) == {"web", "worker"}
    assert shelf.wanted == []


async def test_a_folder_that_became_a_link_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.symlink_to("/")
    with pytest.raises(FolderNotFoundError):
        await prepared(preparer(shelf, folder))
