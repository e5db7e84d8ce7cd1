"""What the networks of a data directory remember, without making one in the kernel."""

import os
from pathlib import Path

import pytest

from commandcenter.runner.errors import BadRequestError, IsolationError
from commandcenter.runner.network import Network
from commandcenter.runner.networks import Networks
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.plan import Bind, SandboxPlan
from commandcenter.runner.service import ServiceRequest, Volume
from commandcenter.runner.service_plan import SharedFolders


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunnerPaths:
    async def nothing(self: Network) -> None:
        return None

    monkeypatch.setattr(Network, "open", nothing)
    return RunnerPaths(tmp_path)


async def test_addresses_and_the_user_stay_the_same_over_a_restart(paths: RunnerPaths) -> None:
    first = Networks(paths, b"")
    one = await first.admit(ServiceRequest("p", ("one", "alias")))
    two = await first.admit(ServiceRequest("p", ("two",)))
    other = await first.admit(ServiceRequest("q", ("one",)))
    assert one.number != two.number
    second = Networks(paths, b"")
    assert (await second.admit(ServiceRequest("p", ("two",)))).number == two.number
    again = await second.admit(ServiceRequest("p", ("one",)))
    assert (again.number, again.identity) == (one.number, one.identity)
    if one.identity is not None and other.identity is not None:
        assert one.identity.uid != other.identity.uid


async def test_the_hosts_file_is_changed_in_place(paths: RunnerPaths) -> None:
    networks = Networks(paths, b"")
    member = await networks.admit(ServiceRequest("p", ("one", "alias")))
    before = Path(member.hosts_file).stat().st_ino
    await networks.admit(ServiceRequest("p", ("two",)))
    assert Path(member.hosts_file).stat().st_ino == before
    lines = Path(member.hosts_file).read_text().splitlines()
    assert lines[2:] == ["10.77.0.2 one", "10.77.0.2 alias", "10.77.0.3 two"]


async def test_a_removed_network_is_forgotten(paths: RunnerPaths) -> None:
    networks = Networks(paths, b"")
    member = await networks.admit(ServiceRequest("p", ("one",)))
    member.leave()
    networks.remove("p")
    assert not list(paths.networks.iterdir())


def test_a_part_of_the_folder_that_was_exchanged_is_noticed(tmp_path: Path) -> None:
    """The process itself stands for a sandbox that has the folder at the path it has outside."""
    part = tmp_path / "project" / "part"
    part.mkdir(parents=True)
    service = ServiceRequest("p", ("one",), volumes=(Volume(str(part), str(part), writable=False),))
    plan = SandboxPlan((Bind(str(part), str(part)),), (), (), {}, ("true",), "/", 0)
    paths = RunnerPaths(tmp_path / "data")
    shared = SharedFolders.open(service, plan, paths)
    shared.verify(os.getpid())
    part.rename(part.with_name("before"))
    part.symlink_to("/etc")
    with pytest.raises(IsolationError, match="not what lay"):
        shared.verify(os.getpid())
    shared.close()
    with pytest.raises(BadRequestError):
        SharedFolders.open(service, plan, paths)
