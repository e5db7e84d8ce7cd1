"""The two versions of the changed files, written out under .git, and a copy of the index."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from patching.git import Git, GitError, split_nul
from patching.policy import TreeChange
from patching.repository import Scratch


@dataclass(frozen=True, slots=True)
class Staging:
    """The two versions of the changed files, and a copy of the index, under .git."""

    scratch: Scratch
    folder: Path
    changes: Sequence[TreeChange]
    old: str
    new: str

    @property
    def git(self) -> Git:
        """Plumbing on the working tree, with the copy of the index."""
        return self.scratch.worktree_git.with_index(self.folder / "index")

    @property
    def root(self) -> Path:
        worktree = self.scratch.repository.worktree
        if worktree is None:
            raise ValueError("a bare repository has no working tree")
        return worktree


def stage(staging: Staging) -> None:
    """Copy the index and write both versions out; a full disk shows here, before any change."""
    for version, commit in (("old", staging.old), ("new", staging.new)):
        git = staging.scratch.worktree_git.with_index(staging.folder / f"{version}.index")
        git.run("read-tree", commit)
        paths = [
            change.path
            for change in staging.changes
            if not (change.is_added if version == "old" else change.is_deleted)
        ]
        if not paths:
            continue
        prefix = f"--prefix={staging.folder}/{version}/"
        git.run("checkout-index", "-f", prefix, "-z", "--stdin", stdin=nul_list(paths))
    index = staging.scratch.repository.index
    if index.exists():
        (staging.folder / "index").write_bytes(index.read_bytes())


def index_tree(staging: Staging) -> str | None:
    """Return the tree that the copy of the index stands for; None if it has conflicts."""
    try:
        return staging.git.text("write-tree")
    except GitError:
        return None


def skipped_paths(staging: Staging) -> set[bytes]:
    """Return the changed paths that a sparse checkout leaves out of the working tree."""
    wanted = {change.path for change in staging.changes}
    listing = split_nul(staging.git.run("ls-files", "-t", "-z"))
    return {line[2:] for line in listing if line.startswith(b"S ")} & wanted


def nul_list(paths: Sequence[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)
