"""A long and varied history, replayed patch by patch, ends in identical trees at each step."""

import random
from pathlib import Path

import pytest

from agents.patcher.tests.repo import Repo

COMMITS = 24
NAMES = ("src/a.py", "src/b b.py", "docs/ü.md", 'q"uote', "data.bin", "deep/er/still/x", "win.txt")


def next_files(chance: random.Random, repo: Repo, step: int) -> None:
    """Make one commit's worth of changes: any mixture of what git can express."""
    files = sorted(path for path in repo.git("ls-files", "-z").split("\0") if path)
    for _ in range(chance.randint(1, 4)):
        kind = chance.choice(
            ["edit", "edit", "edit", "new", "new", "delete", "rename", "mode", "link", "binary"]
        )
        path = chance.choice(files) if files else None
        here = repo.path / path if path else None
        if kind == "new" or here is None or not here.exists():
            name = f"{chance.choice(NAMES)}.{step}.{chance.randint(0, 99)}"
            end = chance.choice(["\n", "\r\n"])
            lines = [f"line {chance.randint(0, 9)}{end}" for _ in range(chance.randint(0, 40))]
            repo.write({name: "".join(lines) + chance.choice(["", "no newline"])})
        elif kind == "delete":
            here.unlink()
        elif kind == "rename":
            target = repo.path / f"moved/{step}/{here.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            here.rename(target)
        elif kind == "mode" and not here.is_symlink():
            here.chmod(here.stat().st_mode ^ 0o111)
        elif kind == "link":
            link = repo.path / f"link-{step}-{chance.randint(0, 99)}"
            if not link.is_symlink():
                link.symlink_to(path or ".")
        elif kind == "binary":
            repo.write({f"bin/{chance.randint(0, 3)}": chance.randbytes(chance.randint(1, 4000))})
        elif not here.is_symlink():
            lines_now = here.read_bytes().split(b"\n")
            at = chance.randrange(len(lines_now))
            lines_now[at : at + chance.randint(0, 2)] = [b"changed %d" % step] * chance.randint(
                0, 3
            )
            here.write_bytes(b"\n".join(lines_now))


@pytest.mark.slow
@pytest.mark.timeout(300)  # 24 runs of the program, on a machine that may be busy
def test_replay(tmp_path: Path) -> None:
    chance = random.Random(20240101)
    source = Repo.create(tmp_path / "source")
    start = source.commit({"README": "start\n"})
    history = []
    for step in range(COMMITS):
        next_files(chance, source, step)
        source.commit({}, f"step {step}")
        history.append((source.tree(), source.git_bytes("diff", "--binary", "-M", "HEAD~", "HEAD")))
    target = Repo(tmp_path / "target")
    source.git("clone", "-q", str(source.path), str(target.path))
    target.git("reset", "-q", "--hard", start)
    for number, (tree, patch) in enumerate(history):
        if not patch:
            continue
        result = target.patch(patch, createBackup=number % 10 == 0)
        assert result.value["applied"], (number, result.stderr)
        assert target.tree() == tree, number
    assert target.status() == ""
    target.assert_tidy()
