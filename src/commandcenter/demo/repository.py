"""Makes the demo repository with git: the same commits, byte for byte, every time."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from commandcenter.demo.files import fixed_files, history
from commandcenter.demo.git import Git
from commandcenter.kit.errors import ConflictError

BRANCH = "main"


@dataclass(frozen=True, slots=True)
class DemoRepository:
    """`patch_text` is a unified diff that solves some of the problems and applies to `commit`."""

    path: Path
    patch_text: str
    commit: str
    branch: str = BRANCH


class DemoPathTakenError(ConflictError):
    code = "demo_path_taken"
    title = "The demo repository's folder is in use"


def create_demo_repository(path: Path) -> DemoRepository:
    """Create the repository at `path`, whole or not at all.

    Raises `DemoPathTakenError` when something other than an empty folder is there, and
    `GitUnavailableError` when git is missing or fails.
    """
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise DemoPathTakenError(
            f"{path} exists and is not an empty folder, so no demo repository was made there.",
            hint="Choose another folder, or remove this one.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        git = Git(building)
        git.init(BRANCH)
        commit = ""
        for step in history():
            _write(building, step.files)
            commit = git.commit_all(step.message, step.at)
        patch_text = git.diff_with(commit, fixed_files())
        building.chmod(0o755)
        # An empty folder in the way is replaced; anything put there meanwhile makes this fail.
        building.replace(path)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return DemoRepository(path.resolve(), patch_text, commit)


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), "w", encoding="utf-8"
        ) as stream:
            stream.write(text)
