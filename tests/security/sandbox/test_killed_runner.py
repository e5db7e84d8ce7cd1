"""Nothing is left on the machine after kill -9 of a runner, though no new one is started."""

import json
import subprocess
from pathlib import Path

import pytest

from commandcenter.runtimes.sandbox.doctor import can_isolate
from tests.security.sandbox.kills import kill_in_a_burst
from tests.security.sandbox.ordinary import ORDINARY_USER

pytestmark = pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")


@pytest.mark.parametrize("number", range(32))
async def test_nothing_is_left_of_a_killed_runner(tmp_path: Path, number: int) -> None:
    """Every second time the data directory, and what is noted in it, is gone as well."""
    assert await kill_in_a_burst(tmp_path / "data", number, delete=number % 2 == 0) == []


@pytest.mark.root
def test_nothing_is_left_of_an_ordinary_users_runner(ordinary: Path) -> None:
    """It has no cgroups by which the sandboxes could be found."""
    copied = [str(program) for program in (ordinary / "bin").glob("package/*/bwrap")]
    done = subprocess.run(
        [
            "/usr/bin/python3", "-m", "tests.security.sandbox.kills",
            str(ordinary / "data" / "kills"), "16",
        ],
        capture_output=True,
        user=ORDINARY_USER,
        group=ORDINARY_USER,
        extra_groups=[],
        cwd="/",
        env={
            "PYTHONPATH": str(ordinary / "src"),
            **({"COMMANDCENTER_BWRAP": copied[0]} if copied else {}),
            "PATH": "/usr/bin:/bin",
        },
        timeout=55,
        check=False,
    )  # fmt: skip
    if b"ModuleNotFoundError" in done.stderr:
        pytest.skip(f"/usr/bin/python3 lacks a package: {done.stderr.decode()[-200:]}")
    assert done.returncode == 0, done.stderr.decode()
    assert {key: left for key, left in json.loads(done.stdout).items() if left} == {}
