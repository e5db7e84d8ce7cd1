"""What changed since a commit, asked of git without ever loading the repository's configuration.

A repository's `.git/config` can name programs to run. So git is given an empty directory of its
own as its repository, and only borrows the objects; branches and tags are read here, as files.
"""

import difflib
import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter_analysis.limits import Limits
from commandcenter_analysis.reading import NotReadError, open_root, read_file

_HASH = re.compile(r"^[0-9a-f]{4,64}$")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/@+-]{0,200}$")
_SUFFIX = re.compile(r"^(?P<name>.+?)(?P<suffix>(?:[~^]\d{0,4})*)$")
_SECONDS = 60.0
_MOST_COMPARED = 4_000
_MOST_OUTPUT = 200_000_000
_FULL_SHA256 = 64


class BaselineError(Exception):
    """The commit to compare with cannot be found; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Files that differ from the baseline, with the lines of today that are new or changed."""

    commit: str
    lines: dict[str, frozenset[int]] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()


def changes_since(root: Path, baseline: str, files: Sequence[str], limits: Limits) -> Changes:
    """Compare `files` (relative to `root`, all there are) with the commit. Writes nothing there.

    Raises `BaselineError` when there is no such commit, or no git.
    """
    descriptor = open_root(root)
    try:
        with tempfile.TemporaryDirectory(prefix="review-") as scratch:
            git = _Git(root, Path(scratch))
            commit = git.commit(_resolve(descriptor, root, baseline))
            then = git.tree(commit)
            return _compare(git, commit, descriptor, then, files, limits)
    finally:
        os.close(descriptor)


def _resolve(descriptor: int, root: Path, baseline: str) -> str:
    """A commit's hash from a branch, a tag, HEAD or a hash, with ~ and ^ kept behind it."""
    match = _SUFFIX.match(baseline.strip())
    if match is None:
        raise BaselineError("The baseline is empty: give a commit, a branch or a tag.")
    name, suffix = match["name"], match["suffix"]
    own = root / ".git"
    if not own.is_dir() or own.is_symlink() or (own / "objects").is_symlink():
        raise BaselineError(
            "The project's folder has no .git directory of its own, so there is nothing to compare "
            "with. Leave the baseline out to review everything."
        )
    if not _NAME.match(name) or ".." in name:
        raise BaselineError(f"{baseline[:80]!r} is no name of a commit, a branch or a tag.")
    packed = _packed_references(descriptor)
    for candidate in (name, f"refs/heads/{name}", f"refs/tags/{name}", f"refs/remotes/{name}"):
        found = _follow(descriptor, candidate, packed)
        if found:
            return found + suffix
    if _HASH.match(name):
        return name + suffix
    raise BaselineError(
        f"There is no commit, branch or tag {name[:80]!r} in this repository. "
        "Fetch it first, or give the commit's hash."
    )


def _follow(descriptor: int, name: str, packed: dict[str, str]) -> str:
    for _ in range(5):
        text = _git_file(descriptor, name) or packed.get(name, "")
        if not text.startswith("ref: "):
            return text.strip() if _HASH.match(text.strip()) else ""
        name = text.removeprefix("ref: ").strip()
        if not name.startswith("refs/") or ".." in name:
            return ""
    return ""


def _git_file(descriptor: int, name: str) -> str:
    try:
        return read_file(descriptor, f".git/{name}", most=10_000).decode(errors="replace")
    except NotReadError:
        return ""


def _packed_references(descriptor: int) -> dict[str, str]:
    try:
        data = read_file(descriptor, ".git/packed-refs", most=50_000_000)
    except NotReadError:
        return {}
    pairs = (
        line.split(" ", 1) for line in data.decode(errors="replace").splitlines() if " " in line
    )
    return {name: value for value, name in pairs if _HASH.match(value)}


class _Git:
    """Plumbing commands over borrowed objects."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "HOME": str(scratch),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_DIR": str(scratch / "empty"),
            "GIT_OBJECT_DIRECTORY": str(root / ".git" / "objects"),
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
        }
        (scratch / "empty" / "objects").mkdir(parents=True)
        (scratch / "empty" / "refs").mkdir()
        (scratch / "empty" / "HEAD").write_text("ref: refs/heads/none\n")
        self._config = scratch / "empty" / "config"
        self._config.write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")

    def commit(self, name: str) -> str:
        if len(re.match(r"[0-9a-f]*", name)[0]) == _FULL_SHA256:  # type: ignore[index]
            self._config.write_text(
                "[core]\n\trepositoryformatversion = 1\n\tbare = true\n"
                "[extensions]\n\tobjectFormat = sha256\n"
            )
        try:
            output = self.run(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
            )
        except BaselineError as error:
            raise BaselineError(
                f"The commit {name[:80]!r} is not in this repository. Fetch it first (a shallow "
                "clone has only the newest commits)."
            ) from error
        return output.decode().strip()

    def tree(self, commit: str) -> dict[str, str]:
        """The regular files of the commit with their blobs."""
        files: dict[str, str] = {}
        for entry in self.run("ls-tree", "-r", "-z", commit).split(b"\0"):
            head, separator, path = entry.partition(b"\t")
            if separator and head.startswith(b"100"):
                files[path.decode(errors="replace")] = head.split()[2].decode()
        return files

    def blob(self, name: str) -> bytes:
        return self.run("cat-file", "blob", name)

    def run(self, *arguments: str) -> bytes:
        try:
            done = subprocess.run(
                ["git", "--no-replace-objects", *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_SECONDS,
                check=False,
                cwd="/",
            )
        except FileNotFoundError as error:
            raise BaselineError(
                "git is not installed, so nothing can be compared with a baseline."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise BaselineError(f"git {arguments[0]} took more than {_SECONDS:.0f} s.") from error
        if done.returncode != 0:
            raise BaselineError(f"git {arguments[0]} failed; the repository may be damaged.")
        if len(done.stdout) > _MOST_OUTPUT:
            raise BaselineError("The repository is too large to compare.")
        return done.stdout


def _compare(
    git: _Git,
    commit: str,
    descriptor: int,
    then: dict[str, str],
    files: Sequence[str],
    limits: Limits,
) -> Changes:
    algorithm = "sha256" if len(commit) == _FULL_SHA256 else "sha1"
    changed: dict[str, frozenset[int]] = {}
    for path in files:
        try:
            data = read_file(descriptor, path, most=limits.file_bytes)
        except NotReadError:
            continue
        before = then.get(path)
        if before == _blob_name(data, algorithm):
            continue
        now = data.decode(errors="replace").splitlines()
        if before is None:
            changed[path] = frozenset(range(1, len(now) + 1))
            continue
        if len(changed) >= _MOST_COMPARED:
            raise BaselineError(
                f"More than {_MOST_COMPARED} files differ from the baseline: choose a newer one."
            )
        lines = changed_lines(git.blob(before).decode(errors="replace").splitlines(), now)
        if lines:
            changed[path] = lines
    present = set(files)
    return Changes(commit, changed, tuple(sorted(path for path in then if path not in present)))


def _blob_name(data: bytes, algorithm: str) -> str:
    # git names objects so; nothing here depends on the hash being strong.
    digest = hashlib.new(algorithm, usedforsecurity=False)
    digest.update(b"blob %d\0" % len(data))
    digest.update(data)
    return digest.hexdigest()


_MOST_WORK = 4_000_000


def changed_lines(before: Sequence[str], after: Sequence[str]) -> frozenset[int]:
    """The numbers of the lines in `after` that are new or changed."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if len(old) * len(new) > _MOST_WORK:
        # Too much to compare line by line: all of the middle counts as changed.
        return frozenset(range(start + 1, start + len(new) + 1))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return frozenset(
        start + 1 + index
        for tag, _, _, first, last in matcher.get_opcodes()
        if tag in {"replace", "insert"}
        for index in range(first, last)
    )
