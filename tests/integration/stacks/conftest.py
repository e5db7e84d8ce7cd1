from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.stacks.stack_hub import StackHub, need_servers


@contextmanager
def stack_hub(root: pytest.TempPathFactory, name: str) -> Iterator[StackHub]:
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
    try:
        yield hub
    finally:
        hub.end()


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackHub]:
    """A hub on the sandbox; one for the tests of a module."""
    with stack_hub(tmp_path_factory, "stacks") as hub:
        yield hub


@pytest.fixture
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackHub]:
    """A hub of the test's own, to be killed."""
    with stack_hub(tmp_path_factory, "mortal") as hub:
        yield hub
