"""`run --local`: one run for a CI job, and nothing left of it."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from commandcenter.runtimes.sandbox.doctor import can_isolate
from tests import preloaded
from tests.integration.cli.conftest import MODULE, PROGRAM, environment, wait_for

pytestmark = [
    pytest.mark.skipif(not can_isolate(), reason="no sandbox can be set up here: see doctor"),
    pytest.mark.slow,
    pytest.mark.timeout(180),
]

_PATCH = """\
--- a/app.py
+++ b/app.py
@@ -1,2 +1,2 @@
-import os
+import sys
 os.system('ls ' + input())
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "app.py").write_text("import os\nos.system('ls ' + input())\n")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*identity, "commit", "-qm", "one")):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    return folder


def _environment(tmp_path: Path) -> dict[str, str]:
    made = tmp_path / "temporary"
    made.mkdir(exist_ok=True)
    # A hub that serves may be configured; a local run is none of its business.
    return environment(TMPDIR=str(made), COMMANDCENTER_DATA_DIRECTORY=str(tmp_path / "serving"))


def _local(tmp_path: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    done = preloaded.run(
        MODULE,
        *("run", "--local", *words),
        environment=_environment(tmp_path),
        directory=tmp_path,
        seconds=120,
    )
    _nothing_is_left(tmp_path)
    return done


def _nothing_is_left(tmp_path: Path) -> None:
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not (tmp_path / "serving").exists()
    assert _processes(str(tmp_path)) == []


def _processes(words: str) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if words in line and process.name != str(os.getpid()):
            found.append(line)
    return found


def test_a_scan_writes_sarif_and_fails_on_findings(tmp_path: Path, repository: Path) -> None:
    file = tmp_path / "all.sarif"
    words = ("scan", str(repository), "--sarif", str(file))
    done = _local(tmp_path, *words, "--fail-on", "warning")
    assert done.returncode == 1, done.stderr
    assert "--fail-on makes this exit code 1" in done.stderr
    assert "scan succeeded" in done.stdout
    document = json.loads(file.read_text())
    assert document["version"] == "2.1.0"
    assert {run["tool"]["driver"]["name"] for run in document["runs"]} == {
        "security-scanner",
        "compliance-checker",
    }


def test_a_gate_ends_it_unless_it_is_named(tmp_path: Path, repository: Path) -> None:
    patch = tmp_path / "fix.diff"
    patch.write_text(_PATCH)
    words = ("review-and-patch", str(repository), "--input", f"patch=@{patch}")
    stopped = _local(tmp_path, *words)
    assert stopped.returncode == 3, stopped.stderr
    assert "--approve fix" in stopped.stderr
    assert (repository / "app.py").read_text().startswith("import os")
    passed = _local(tmp_path, *words, "--approve", "fix", "--json")
    assert passed.returncode == 0, passed.stderr
    assert json.loads(passed.stdout)["state"] == "succeeded"
    assert (repository / "app.py").read_text().startswith("import sys")


def test_a_failure_is_told_with_the_log_that_will_be_gone(tmp_path: Path, repository: Path) -> None:
    patch = tmp_path / "fix.diff"
    patch.write_text(
        "--- a/app.py\n+++ b/app.py\n@@ -1,2 +1,2 @@\n-import re\n+import sys\n more\n"
    )
    words = ("review-and-patch", str(repository), "--input", f"patch=@{patch}")
    done = _local(tmp_path, *words, "--approve", "fix")
    assert done.returncode == 1
    assert "The end of the log of fix:" in done.stderr
    assert "app.py" in done.stderr.partition("The end of the log of fix:")[2]


def test_being_told_to_stop_leaves_nothing(tmp_path: Path, repository: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "run", "--local", "scan", str(repository)],
        env=_environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for("its data", lambda: list((tmp_path / "temporary").iterdir()))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=90)
    assert process.returncode == 130
    _nothing_is_left(tmp_path)


def test_what_does_not_go_together_is_refused(tmp_path: Path, repository: Path) -> None:
    assert _local(tmp_path, "scan", str(repository), "--project", "x").returncode == 2
    assert _local(tmp_path, "scan", str(tmp_path / "nowhere")).returncode == 2
