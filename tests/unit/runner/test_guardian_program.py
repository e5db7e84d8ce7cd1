"""What the guardian's program does to a made-up cgroup tree and to processes."""

import os
import subprocess
from pathlib import Path

from commandcenter.runner import guardian_program


def test_only_members_are_ended(tmp_path: Path) -> None:
    cgroup = tmp_path / "commandcenter-abc"
    (cgroup / "1").mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as member, subprocess.Popen(["sleep", "60"]) as other:
        (cgroup / "cgroup.procs").write_text("0\n")  # how one of another namespace is shown
        (cgroup / "1" / "cgroup.procs").write_text(f"{member.pid}\n999999999\n")
        assert guardian_program._end_members(str(cgroup)) == 1
        assert member.wait() < 0
        assert other.poll() is None
        other.kill()


def test_empty_directories_are_removed_and_others_are_not(tmp_path: Path) -> None:
    empty, full = tmp_path / "commandcenter-a", tmp_path / "commandcenter-b"
    (empty / "1").mkdir(parents=True)
    (full / "1").mkdir(parents=True)
    (full / "1" / "file").touch()
    assert guardian_program._cgroup_removed(str(empty))
    assert guardian_program._cgroup_removed(str(empty))  # as when the next runner was faster
    assert not guardian_program._cgroup_removed(str(full))
    assert (full / "1" / "file").exists()


def test_only_directories_of_ours_are_touched() -> None:
    assert guardian_program._ours("/run/commandcenter-abc")
    assert not guardian_program._ours("/run/commandcenter-abc/..")
    assert not guardian_program._ours("/run/user")


def test_a_process_is_known_by_what_it_holds() -> None:
    mark, twin = os.memfd_create("mark"), os.memfd_create("mark")
    try:
        name = ["bwrap-abc", "60"]
        with (
            subprocess.Popen(name, executable="/usr/bin/sleep", pass_fds=(mark,)) as ours,
            subprocess.Popen(name, executable="/usr/bin/sleep", pass_fds=(twin,)) as other,
        ):
            assert guardian_program._end_sandboxes("abc", mark) == 1
            assert ours.wait() < 0
            assert other.poll() is None
            other.kill()
    finally:
        os.close(mark)
        os.close(twin)
