from pathlib import Path

import pytest

from agents.patcher.tests.repo import Repo, first_commit


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return first_commit(tmp_path / "repo")
