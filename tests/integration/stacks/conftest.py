from collections.abc import Iterator

import pytest

from tests.integration.stacks.stack_hub import StackHub, need_servers


def _made(root: pytest.TempPathFactory, name: str) -> StackHub:
    need_servers()
    place = root.mktemp(name)
    hub = StackHub(place / "data", place / "projects")
    hub.projects.mkdir()
    try:
        hub.start()
    except BaseException:  # such as one that takes too long
        if hub.process is not None:
            hub.kill()
        raise
    return hub


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackHub]:
    """A hub on the sandbox; one for the tests of a module."""
    hub = _made(tmp_path_factory, "stacks")
    try:
        yield hub
    finally:
        hub.end()


@pytest.fixture
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackHub]:
    """A hub of the test's own, to be killed."""
    hub = _made(tmp_path_factory, "mortal")
    try:
        yield hub
    finally:
        hub.end()
