"""Find a repository's parts without letting git read its configuration."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from patching.git import Git, GitError
from patching.outcome import RefusedError

_MAX_POINTER_BYTES = 8192
# What of the repository's own configuration changes how files are written or compared.
# Everything else, above all what names a program, stays unread.
_KEPT_SETTINGS = ("core.autocrlf", "core.eol", "core.filemode", "core.symlinks", "core.ignorecase")


@dataclass(frozen=True, slots=True)
class Repository:
    """`git_directory` is this working tree's own; `common` holds objects and branches."""

    worktree: Path | None  # None: bare
    git_directory: Path
    common: Path

    @property
    def git(self) -> Git:
        """Plumbing on the real repository, for reading and moving refs only."""
        variables = {"GIT_DIR": str(self.git_directory)}
        if self.worktree is None:
            return Git(self.git_directory, variables)
        return Git(self.git_directory, {**variables, "GIT_WORK_TREE": str(self.worktree)})

    @property
    def index(self) -> Path:
        return self.git_directory / "index"

    @property
    def objects(self) -> Path:
        return self.common / "objects"


def find_repository(path: Path) -> Repository:
    """Return the repository whose top is `path`. Raises `RefusedError`."""
    path = path.resolve()
    marker = path / ".git"
    if marker.is_symlink():
        raise RefusedError("unsupported", f"{marker} is a symbolic link")
    if marker.is_dir():
        return Repository(path, marker, marker)
    if marker.is_file():
        return _linked(path, marker)
    if (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir():
        return Repository(None, path, path)
    raise RefusedError("not_a_repository", f"{path} is not the top folder of a git repository")


def _linked(path: Path, marker: Path) -> Repository:
    pointer = _read_pointer(marker)
    if not pointer.startswith("gitdir: "):
        raise RefusedError("not_a_repository", f"{marker} does not lead to a git repository")
    git_directory = (path / pointer.removeprefix("gitdir: ")).resolve()
    if not git_directory.is_dir():
        raise RefusedError(
            "unsupported",
            f"{path} is a linked working tree and its repository, {git_directory}, cannot be seen "
            "from here: run on the main working tree and give the branch as targetBranch",
        )
    common = git_directory
    if (git_directory / "commondir").is_file():
        common = (git_directory / _read_pointer(git_directory / "commondir")).resolve()
    return Repository(path, git_directory, common)


def _read_pointer(path: Path) -> str:
    with path.open("rb") as file:
        return os.fsdecode(file.read(_MAX_POINTER_BYTES)).strip()


@dataclass(frozen=True, slots=True)
class Scratch:
    """A git directory of our own over the repository's objects: none of its configuration.

    New objects go to `objects` until `keep_objects` moves them over, so that a refused patch and
    a dry run leave nothing behind.
    """

    folder: Path
    repository: Repository
    trusts_modes: bool  # core.filemode: whether executable bits mean anything on this disk

    @property
    def objects(self) -> Path:
        return self.folder / "objects"

    @property
    def git(self) -> Git:
        """Plumbing without a working tree."""
        empty = self.folder / "empty"
        return Git(empty, {"GIT_DIR": str(self.folder), "GIT_WORK_TREE": str(empty)})

    @property
    def worktree_git(self) -> Git:
        """Plumbing on the repository's working tree."""
        worktree = self.repository.worktree
        if worktree is None:
            raise ValueError("a bare repository has no working tree")
        return Git(worktree, {"GIT_DIR": str(self.folder), "GIT_WORK_TREE": str(worktree)})

    def keep_objects(self) -> None:
        """Move new objects into the repository, each whole and on disk before it gets its name."""
        for source in sorted(self.objects.glob("[0-9a-f][0-9a-f]/*")):
            folder = self.repository.objects / source.parent.name
            folder.mkdir(exist_ok=True)
            target = folder / source.name
            if target.exists():
                continue
            handle, name = tempfile.mkstemp(prefix="tmp_obj_", dir=folder)
            with os.fdopen(handle, "wb") as file, source.open("rb") as content:
                shutil.copyfileobj(content, file)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o444)
            Path(name).replace(target)
            sync_folder(folder)
        sync_folder(self.repository.objects)


@contextmanager
def open_scratch(repository: Repository) -> Iterator[Scratch]:
    """Make the git directory of our own, and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="patcher-") as name:
        folder = Path(name)
        for part in ("objects/info", "objects/pack", "refs/heads", "empty"):
            (folder / part).mkdir(parents=True)
        (folder / "HEAD").write_text("ref: refs/heads/none\n")
        alternates = os.fsencode(repository.objects)
        if b"\n" in alternates or alternates.startswith(b'"'):
            raise RefusedError("unsupported", "the repository's path contains a newline or quote")
        (folder / "objects/info/alternates").write_bytes(alternates + b"\n")
        configuration = _own_configuration(repository)
        (folder / "config").write_text(configuration)
        for shared in repository.git_directory.glob("sharedindex.*"):
            if stat.S_ISREG(shared.lstat().st_mode):
                (folder / shared.name).symlink_to(shared)
        yield Scratch(folder, repository, "filemode = false" not in configuration)


def _own_configuration(repository: Repository) -> str:
    path = str(repository.common / "config")
    done = Git(repository.common).attempt("config", "--file", path, "--no-includes", "--list", "-z")
    found = dict(line.partition(b"\n")[::2] for line in done.stdout.split(b"\0") if line)

    def setting(key: str) -> str | None:
        value = os.fsdecode(found.get(key.encode(), b""))
        return value if value.isalnum() else None

    lines = ["[core]", "\tbare = false"]
    kept = ((key.partition(".")[2], setting(key)) for key in _KEPT_SETTINGS)
    lines += [f"\t{name} = {value}" for name, value in kept if value is not None]
    if (object_format := setting("extensions.objectformat")) is not None:
        lines += ["\trepositoryformatversion = 1", "[extensions]"]
        lines.append(f"\tobjectformat = {object_format}")
    else:
        lines.append("\trepositoryformatversion = 0")
    return "\n".join(lines) + "\n"


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_readable(repository: Repository) -> None:
    """Raise `RefusedError` if git cannot work with the repository at all."""
    try:
        repository.git.run("rev-parse", "--git-dir")
    except GitError as error:
        raise RefusedError("not_a_repository", str(error)) from None
