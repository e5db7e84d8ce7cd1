"""The escape attempts of `probes.py` from a service, and from a command run in one."""

import asyncio
from pathlib import Path

import pytest

from commandcenter.runtimes.sandbox.doctor import can_isolate
from tests.security.probing import GROUPS
from tests.security.sandbox.drive_service import Services
from tests.security.sandbox.ordinary import run_as_ordinary_user
from tests.security.sandbox.test_escapes import assert_all_refused, data

__all__ = ["data"]

pytestmark = pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")
SERVICE_GROUPS = (*GROUPS, "neighbours")


@pytest.mark.parametrize("way", ["service", "probe"])
@pytest.mark.parametrize("group", SERVICE_GROUPS)
def test_escapes_are_refused(
    group: str,
    way: str,
    data: Path,
    agent: Path,
    canaries: bytes,
) -> None:
    assert_all_refused(asyncio.run(Services(data, agent, group).probe(canaries, way)))


@pytest.mark.root
@pytest.mark.parametrize("way", ["service", "probe"])
@pytest.mark.parametrize("group", SERVICE_GROUPS)
def test_escapes_are_refused_for_an_ordinary_hub(
    group: str,
    way: str,
    ordinary: Path,
    agent: Path,
    canaries: bytes,
) -> None:
    arguments = (str(agent), group, way)
    assert_all_refused(
        run_as_ordinary_user(ordinary, *arguments, given=canaries, program="drive_service")
    )
