import shutil
from pathlib import Path

import pytest

from agents.patcher.tests.repo import Repo, first_commit


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Never changed: what `repo` is a copy of, which is made quicker than four runs of git."""
    return first_commit(tmp_path_factory.mktemp("template") / "repo")


@pytest.fixture
def repo(template: Repo, tmp_path: Path) -> Repo:
    shutil.copytree(template.path, tmp_path / "repo", symlinks=True)
    made = Repo(tmp_path / "repo")
    made.git("update-index", "-q", "--refresh")
    return made
