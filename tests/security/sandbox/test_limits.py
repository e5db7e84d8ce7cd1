"""Limits hold for a hub of root and of an ordinary user, with cgroups and without."""

import asyncio
import json
from pathlib import Path

import pytest

from commandcenter.runtimes.sandbox.doctor import can_isolate
from tests.security.sandbox import drive
from tests.security.sandbox.ordinary import run_as_ordinary_user

pytestmark = pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")


def assert_limits_held(text: str) -> None:
    ends = json.loads(text)
    assert set(ends["enforced"]) | set(ends["watched"]) >= {"memory", "pids", "disk"}
    assert ends["nothing"] == [None, 0]
    assert ends["memory"][0] == "out_of_memory"
    assert ends["memory of children"][0] == "out_of_memory"
    assert ends["processes"] == ["exit_code", 42]
    assert ends["disk"][0] == "disk_full"
    assert ends["shared memory"][0] == "exit_code"
    assert ends["time"][0] == "timeout"
    if "memory" in ends["watched"]:
        assert ends["problems"]


def test_limits_hold(tmp_path: Path) -> None:
    try:
        assert_limits_held(asyncio.run(drive.floods(tmp_path)))
    finally:
        drive.end_runner(tmp_path)


@pytest.mark.root
def test_limits_hold_for_an_ordinary_hub(ordinary: Path) -> None:
    assert_limits_held(run_as_ordinary_user(ordinary, "limits"))
