"""The very first start, end to end, in a real sandbox."""

import subprocess
from pathlib import Path

import pytest

from commandcenter.runtimes.sandbox.doctor import can_isolate
from tests.integration.cli.conftest import Hub, wait_for

pytestmark = [
    pytest.mark.skipif(not can_isolate(), reason="no sandbox can be set up here: see doctor"),
    pytest.mark.slow,
    pytest.mark.timeout(180),
]


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_first_start_shows_a_run_and_stops_at_the_approval(tmp_path: Path) -> None:
    hub = Hub(tmp_path / "data", tmp_path / "projects", arguments=())
    hub.projects.mkdir()
    hub.start()
    try:

        def said(words: str) -> None:
            wait_for(words, lambda: words in hub.log.read_text(), seconds=60.0)

        said("/login?token=cc_")
        said("review succeeded")
        said("The gravest findings:")
        said("score 44 of 100")
        approval = wait_for("the approval", lambda: hub.json("approvals"))[0]["id"]
        said(f"approve {approval} --comment ok")
        said(f"/approvals/{approval}")
        shop = hub.data / "demo" / "shop"
        before = _git(shop, "rev-parse", "HEAD")
        assert "shop/storage.py" in hub.run("approvals").out
        hub.run("approve", approval, "--comment", "ok")
        said("review-and-patch succeeded after")
        said("To take it back")
        said("The hub goes on serving.")
        assert _git(shop, "rev-parse", "HEAD^") == before
        backup = _git(shop, "for-each-ref", "--format=%(objectname)", "refs/commandcenter/backups")
        assert backup == before
        # A second start does not do it again.
        hub.stop()
        hub.log.write_text("")
        hub.start()
        said("For a browser:")
        assert len(hub.json("runs", "list")) == 1
        assert "A first run" not in hub.log.read_text()
    finally:
        hub.stop()
        hub.retire_runner()
