"""What of the system's settings is copied into a sandbox, and what is mounted."""

from pathlib import Path

import pytest

from commandcenter.runner import plan
from commandcenter.runner.request import JobLimits, JobRequest

LIMITS = JobLimits(1.0, 512 * 1024**2, 64, 1024**2, 1024**2)
REQUEST = JobRequest("run-1.step", False, ("true",), LIMITS, 10.0, 5.0)


def shown(monkeypatch: pytest.MonkeyPatch, *settings: Path) -> tuple[dict[str, bytes], set[str]]:
    monkeypatch.setattr(plan, "_SYSTEM_SETTINGS", tuple(map(str, settings)))
    made = plan.plan_sandbox(REQUEST, "/nowhere/data")
    return dict(made.files), {bind.source for bind in made.binds}


def test_a_small_file_is_copied_as_it_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "small"
    for content in (b"one", b"other"):
        small.write_bytes(content)
        copied, mounted = shown(monkeypatch, small)
        assert copied == {str(small): content}
        assert str(small) not in mounted


def test_what_not_everybody_may_read_is_mounted_with_its_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    private.write_bytes(b"x")
    private.chmod(0o640)
    copied, mounted = shown(monkeypatch, private)
    assert copied == {}
    assert str(private) in mounted


def test_large_files_and_folders_are_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(1024**2))
    copied, mounted = shown(monkeypatch, large, tmp_path, tmp_path / "missing")
    assert copied == {}
    assert {str(large), str(tmp_path)} <= mounted
    assert str(tmp_path / "missing") not in mounted
