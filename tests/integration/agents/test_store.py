import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from commandcenter.agents.errors import AgentTamperedError
from commandcenter.agents.manifest import digest
from commandcenter.agents.manifest_file import ManifestError
from commandcenter.agents.store import AgentStore
from tests.integration.agents.agent_folders import make_agent


@pytest.fixture
def store(tmp_path: Path) -> AgentStore:
    return AgentStore(tmp_path / "agents")


def test_the_copy_is_complete_read_only_and_of_the_same_digest(
    store: AgentStore, tmp_path: Path
) -> None:
    folder = make_agent(tmp_path / "looker")
    (folder / "lib" / "deep").mkdir(parents=True)
    (folder / "lib" / "deep" / "tool.sh").write_text("#!/bin/sh\n")
    (folder / "lib" / "deep" / "tool.sh").chmod(0o755)
    (folder / "tests").mkdir()
    (folder / "tests" / "test_it.py").write_text("")
    manifest, content_digest = store.take(folder)
    copy = store.verified(manifest.name, content_digest)
    assert digest(copy) == digest(folder) == content_digest
    assert not (copy / "tests").exists()
    for here, _, files in os.walk(copy):
        assert Path(here).stat().st_mode & 0o777 == 0o555
        for name in files:
            mode = (Path(here) / name).stat().st_mode & 0o777
            assert mode == (0o555 if name == "tool.sh" else 0o444)
    assert store.take(folder) == (manifest, content_digest)
    assert [entry.name for entry in (tmp_path / "agents" / "looker").iterdir()] == [content_digest]


@pytest.mark.parametrize("change", ["edit", "add", "remove", "mode", "cache", "link", "vanish"])
def test_a_changed_copy_is_not_used(store: AgentStore, tmp_path: Path, change: str) -> None:
    manifest, content_digest = store.take(make_agent(tmp_path / "looker"))
    copy = store.verified(manifest.name, content_digest)
    program = copy / "main.py"
    copy.chmod(0o755)
    program.chmod(0o644)
    if change == "edit":
        before = program.stat()
        program.write_text("evil\n")  # of the same length
        os.utime(program, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "add":
        (copy / "sitecustomize.py").write_text("evil")
    elif change == "remove":
        program.unlink()
    elif change == "mode":
        program.chmod(0o755)
    elif change == "cache":
        (copy / "__pycache__").mkdir()
    elif change == "link":
        program.unlink()
        program.symlink_to("/etc/passwd")
    else:
        copy.rename(tmp_path / "gone")
    with pytest.raises(AgentTamperedError):
        store.verified(manifest.name, content_digest)
    # Registering the folder again puts a sound copy there.
    store.take(tmp_path / "looker")
    assert (store.verified(manifest.name, content_digest) / "main.py").read_text() == "pass\n"


def test_links_in_an_agent_are_refused(store: AgentStore, tmp_path: Path) -> None:
    folder = make_agent(tmp_path / "looker")
    (folder / "secret").symlink_to("/etc/passwd")
    with pytest.raises(ManifestError, match="symbolic link"):
        store.take(folder)
    assert list((tmp_path / "agents" / "looker").iterdir()) == []


def test_leftovers_of_an_interrupted_copy_are_swept(store: AgentStore, tmp_path: Path) -> None:
    store.take(make_agent(tmp_path / "looker"))
    for name, age in (("old", 2), ("new", 0)):
        leftover = tmp_path / "agents" / "looker" / f".new-{name}"
        leftover.mkdir()
        (leftover / "file").write_text("")
        leftover.chmod(0o555)
        at = leftover.stat().st_mtime - age * 3600
        os.utime(leftover, (at, at))
    store.sweep()
    names = {entry.name for entry in (tmp_path / "agents" / "looker").glob(".new-*")}
    assert names == {".new-new"}


_AS_NOBODY = """
import sys, os
from pathlib import Path
from commandcenter.agents.store import AgentStore
store = AgentStore(Path(sys.argv[1]) / "agents")
folder = Path(sys.argv[1]) / "looker"
store.take(folder)  # imports all it needs, which others may not read
os.chown(sys.argv[1], 65534, 65534)
store = AgentStore(Path(sys.argv[1]) / "of-nobody")
os.setgroups([]); os.setgid(65534); os.setuid(65534)
manifest, digest = store.take(folder)
copy = store.verified(manifest.name, digest)
copy.chmod(0o755)
(copy / "main.py").unlink()
copy.chmod(0o555)
store.take(folder)
print((store.verified(manifest.name, digest) / "main.py").read_text())
"""


@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_can_replace_a_damaged_copy() -> None:
    # Not under tmp_path, whose parents are closed to others.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        make_agent(Path(name) / "looker")
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, name],
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONPATH": "src", "PATH": os.environ["PATH"]},
        )
    assert done.stdout == "pass\n\n", done.stderr
