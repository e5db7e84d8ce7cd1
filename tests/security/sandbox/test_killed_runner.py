"""Nothing is left on the machine after kill -9 of a runner, though no new one is started."""

import json
from pathlib import Path

import pytest

from commandcenter.runtimes.sandbox.doctor import can_isolate
from tests.security.sandbox.kills import kill_in_a_burst
from tests.security.sandbox.ordinary import run_as_ordinary_user

pytestmark = pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")


@pytest.mark.parametrize("number", range(32))
async def test_nothing_is_left_of_a_killed_runner(tmp_path: Path, number: int) -> None:
    """Every second time the data directory, and what is noted in it, is gone as well."""
    assert await kill_in_a_burst(tmp_path / "data", number, delete=number % 2 == 0) == []


@pytest.mark.root
def test_nothing_is_left_of_an_ordinary_users_runner(ordinary: Path) -> None:
    """It has no cgroups by which the sandboxes could be found."""
    told = run_as_ordinary_user(ordinary, "16", program="kills")
    assert {key: left for key, left in json.loads(told).items() if left} == {}
