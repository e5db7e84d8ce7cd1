from pathlib import Path

import pytest

from agents.patcher.tests.repo import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """One commit on `main`, checked out."""
    made = Repo.create(tmp_path / "repo")
    made.commit({"a.txt": "".join(f"line {n}\n" for n in range(1, 21)), "keep/b.txt": "b\n"})
    return made
