import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commandcenter.runner.bwrap import find_bubblewrap
from commandcenter.runner.errors import IsolationError
from tests.integration.durable.campaign import Campaign


@pytest.fixture
def campaigns() -> Iterator[Callable[..., Campaign]]:
    """Make campaigns in directories of their own; whatever they leave running is ended."""
    try:
        find_bubblewrap()
    except IsolationError as error:
        pytest.skip(error.detail)
    made: list[Campaign] = []
    with tempfile.TemporaryDirectory(prefix="cc-crash-") as home:

        def make(seed: int | None = None, **settings: str) -> Campaign:
            chosen = seed if seed is not None else random.SystemRandom().randrange(10**6)
            print(f"seed: {chosen}")  # noqa: T201  # pytest shows it when the test fails
            folder = Path(home) / str(len(made))
            folder.mkdir()
            made.append(Campaign(folder, chosen, settings))
            return made[-1]

        yield make
        for campaign in made:
            campaign.abort()
