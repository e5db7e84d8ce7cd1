"""The demo repository: always the same, with a patch that applies, and problems that are found."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from agents.analysis.tests.planted import run
from commandcenter.demo import DemoRepository, create_demo_repository
from commandcenter.demo.files import fake_access_key_id
from commandcenter.demo.git import GitUnavailableError
from commandcenter.demo.repository import DemoPathTakenError

REPOSITORY = Path(__file__).resolve().parents[3]


def git(demo: DemoRepository, *arguments: str, text: str | None = None) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=demo.path,
        env={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(demo.path)},
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture
def demo(tmp_path: Path) -> DemoRepository:
    return create_demo_repository(tmp_path / "demo")


def test_is_a_clean_repository_with_a_history(demo: DemoRepository) -> None:
    assert git(demo, "status", "--porcelain") == ""
    assert git(demo, "log", "--format=%s").count("\n") == 4
    assert git(demo, "rev-parse", "main").strip() == demo.commit
    git(demo, "fsck", "--strict")


def test_is_the_same_every_time(
    demo: DemoRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gitconfig"
    config.write_text(
        "[user]\n\tname = Somebody\n[core]\n\tautocrlf = true\n[commit]\n\tgpgSign = true\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    again = create_demo_repository(tmp_path / "again")
    assert (again.commit, again.patch_text) == (demo.commit, demo.patch_text)


def test_the_patch_applies_to_the_newest_commit(demo: DemoRepository) -> None:
    git(demo, "apply", "--check", "--index", "-", text=demo.patch_text)
    git(demo, "apply", "-", text=demo.patch_text)
    for name in ("accounts", "catalogue", "main", "storage"):
        compile((demo.path / f"shop/{name}.py").read_text(), name, "exec")
    assert git(demo, "status", "--porcelain").count("\n") == 5


def test_the_agents_find_its_problems_and_the_patch_solves_some(demo: DemoRepository) -> None:
    scan = run("security-scanner", demo.path).value
    assert {finding["ruleId"] for finding in scan["findings"]} == {
        "aws-access-key-id",
        "S608",
        "S324",
        "py-debug-on",
        "js-inner-html",
        "js-eval",
    }
    check = run("compliance-checker", demo.path).value
    assert {"dependency-licence-conflict", "header-missing-content-security-policy"} <= {
        violation["ruleId"] for violation in check["violations"]
    }
    before = run("code-reviewer", demo.path).value
    assert before["score"] < 80
    assert {"complexity", "security", "testing"} <= {one["category"] for one in before["issues"]}
    git(demo, "apply", "-", text=demo.patch_text)
    after = run("code-reviewer", demo.path).value
    assert after["score"] > before["score"]
    assert {one["ruleId"] for one in run("security-scanner", demo.path).value["findings"]} == {
        "js-eval"
    }


def test_no_file_of_this_project_contains_the_key(demo: DemoRepository) -> None:
    key = fake_access_key_id()
    assert key in (demo.path / "shop/storage.py").read_text()
    assert re.fullmatch("AKIA[A-Z2-7]{16}", key)
    folder = REPOSITORY / "src" / "commandcenter" / "demo"
    assert all(
        key.encode() not in path.read_bytes() for path in folder.rglob("*") if path.is_file()
    )


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    with pytest.raises(DemoPathTakenError, match="not an empty folder"):
        create_demo_repository(taken)
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]
    assert create_demo_repository(tmp_path / "new" / "deep").path.is_dir()
    (tmp_path / "empty").mkdir()
    create_demo_repository(tmp_path / "empty")


def test_nothing_is_left_when_git_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitUnavailableError) as raised:
        create_demo_repository(tmp_path / "demo")
    assert raised.value.hint is not None
    assert list(tmp_path.iterdir()) == []
