"""On which runtime a stack runs, and which one would have run what another refuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from commandcenter.kit.errors import NotFoundError
from commandcenter.runtimes.base import Runtime
from commandcenter.runtimes.capabilities import Capabilities, Feature
from commandcenter.runtimes.errors import RuntimeRefusedError
from commandcenter.runtimes.fake.runtime import FakeRuntime
from commandcenter.runtimes.opened import OpenedRuntimes
from commandcenter.runtimes.registry import create_runtime
from commandcenter.stacks.errors import (
    ServiceNotPreparedError,
    ServiceUnsupportedError,
    StackCannotStartError,
)
from commandcenter.stacks.runtime_choice import RuntimeChoice
from tests.unit.stacks.shelf import Shelf


class Absent(Shelf):
    async def capabilities(self) -> Capabilities:
        can = await super().capabilities()
        return replace(can, name="engine", available=False, problems=("Install the engine.",))


def choice(folder: Path, **kinds: type[FakeRuntime]) -> RuntimeChoice:
    def create(name: str) -> Runtime:
        return kinds[name](folder) if name in kinds else create_runtime(name, folder)

    return RuntimeChoice(OpenedRuntimes(tuple(kinds), create), "plain")


REFUSAL = StackCannotStartError(
    {
        "web": ServiceUnsupportedError("no images", needs=frozenset({Feature.IMAGES})),
        "api": ServiceNotPreparedError("no packages", hint="Install them."),
    }
)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Shelf, "commandcenter project set shop --runtime fake"),
        (
            Absent,
            "engine could, but not on this machine yet: Install the engine. Then: "
            "commandcenter project set shop --runtime engine",
        ),
        (FakeRuntime, "No runtime of this hub can."),
    ],
)
async def test_a_refusal_names_the_way_out(
    tmp_path: Path, kind: type[FakeRuntime], words: str
) -> None:
    found = await choice(tmp_path, plain=FakeRuntime, other=kind).with_way_out(REFUSAL, "shop")
    assert found.hint is not None
    assert found.hint.startswith("Install them. ")
    assert words in found.hint


async def test_what_no_runtime_would_lift_has_no_way_out(tmp_path: Path) -> None:
    error = StackCannotStartError({"api": ServiceNotPreparedError("no packages")})
    assert await choice(tmp_path, other=Shelf).with_way_out(error, "shop") is error


async def test_a_runtime_is_opened_once_and_must_be_able(tmp_path: Path) -> None:
    made = choice(tmp_path, plain=FakeRuntime, absent=Absent)
    assert made.get("plain") is made.get("plain")
    runtime, can = await made.able("plain")
    assert (runtime, can.name) == (made.get("plain"), "fake")
    with pytest.raises(RuntimeRefusedError, match="engine cannot run services") as caught:
        await made.able("absent")
    assert caught.value.hint == "Install the engine."
    with pytest.raises(NotFoundError, match="moon"):
        made.get("moon")
