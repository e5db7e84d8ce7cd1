"""Run `drive.py` as an ordinary user, with a bare Python that this user can read."""

import subprocess
from pathlib import Path

import pytest

ORDINARY_USER = 54321


def run_as_ordinary_user(
    place: Path, *arguments: str, given: bytes = b"{}", program: str = "drive"
) -> str:
    """Its standard output; skips when that Python lacks a package the runner needs."""
    copied = [str(program) for program in (place / "bin").glob("package/*/bwrap")]
    done = subprocess.run(
        [
            "/usr/bin/python3", "-m", f"tests.security.sandbox.{program}",
            str(place / "data"), *arguments,
        ],
        input=given,
        capture_output=True,
        user=ORDINARY_USER,
        group=ORDINARY_USER,
        extra_groups=[],
        cwd="/",
        env={
            "PYTHONPATH": str(place / "src"),
            **({"COMMANDCENTER_BWRAP": copied[0]} if copied else {}),
            "PATH": "/usr/bin:/bin",
        },
        timeout=50,
        check=False,
    )  # fmt: skip
    if b"ModuleNotFoundError" in done.stderr:
        pytest.skip(f"/usr/bin/python3 lacks a package: {done.stderr.decode()[-200:]}")
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
