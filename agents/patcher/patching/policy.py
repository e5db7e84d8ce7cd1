"""What a patch may not do, judged on the tree it really makes, not on what its text says."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from patching.git import Git, split_nul
from patching.outcome import Conflict
from patching.patch_text import display

MAX_BLOB_BYTES = 64 * 1024**2

_WRITES_INTO_GIT = "it writes into .git"
_GITLINK = "160000"
_SYMLINK = "120000"
_ABSENT = "000000"
_MAX_COMPONENT_BYTES = 255
_MAX_PATH_BYTES = 3000
_MAX_LINK_STEPS = 40
_MAX_TARGET_BYTES = 4096

# Characters that some file systems drop from names, so that `.g<dropped>it` is `.git` there.
_IGNORED_BY_FILE_SYSTEMS = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)
_REORDERING = frozenset([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_SHORT_NAMES = re.compile(r"(?:git|gitatt|gitmod|gi[0-9a-f]{4}|gi7[0-9a-f]{3})~[0-9]+")


@dataclass(frozen=True, slots=True)
class TreeChange:
    """One path that differs between two trees; no renames here."""

    path: bytes
    old_mode: str
    new_mode: str
    old_id: str
    new_id: str

    @property
    def is_added(self) -> bool:
        return self.old_mode == _ABSENT

    @property
    def is_deleted(self) -> bool:
        return self.new_mode == _ABSENT

    @property
    def is_symlink(self) -> bool:
        return self.new_mode == _SYMLINK


def tree_changes(git: Git, old: str, new: str) -> list[TreeChange]:
    """List every path that differs between two trees or commits."""
    fields = split_nul(
        git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new)
    )
    changes = []
    for head, path in zip(fields[::2], fields[1::2], strict=True):
        old_mode, new_mode, old_id, new_id, _ = head.decode().lstrip(":").split(" ")
        changes.append(TreeChange(path, old_mode, new_mode, old_id, new_id))
    return changes


def violations(
    git: Git, old_tree: str, new_tree: str, changes: Sequence[TreeChange]
) -> list[Conflict]:
    """Return why the change is refused, one entry per file and reason; empty if it is not."""
    found = [
        Conflict(display(change.path), reason)
        for change in changes
        for reason in _path_and_mode(change)
    ]
    if any(change.is_added for change in changes):
        found += _collisions(git, new_tree, [c.path for c in changes if c.is_added])
    if any(change.is_symlink for change in changes):
        found += _escaping_links(git, old_tree, new_tree, changes)
    found += _too_large(git, changes)
    return found


def named_violations(paths: Iterable[bytes]) -> list[Conflict]:
    """Return the paths that no tree may hold: git would only say that they do not fit."""
    return [
        Conflict(display(path), _WRITES_INTO_GIT)
        for path in dict.fromkeys(paths)
        if ".git" in {_special(part) for part in path.split(b"/")}
    ]


def _path_and_mode(change: TreeChange) -> Iterable[str]:
    if _GITLINK in (change.old_mode, change.new_mode):
        yield "it adds, changes or removes a submodule"
    parts = change.path.split(b"/")
    special = {_special(part) for part in parts}
    if ".git" in special:
        yield _WRITES_INTO_GIT
    elif special & {".gitattributes", ".gitmodules"}:
        name = (special & {".gitattributes", ".gitmodules"}).pop()
        yield f"it changes {name}, which decides what git does with other files"
    if not change.is_added:
        return
    if any(part in (b"", b".", b"..") for part in parts):
        yield "the path is not a plain one"
    if len(change.path) > _MAX_PATH_BYTES or max(map(len, parts)) > _MAX_COMPONENT_BYTES:
        yield "the path is too long"
    try:
        text = change.path.decode()
    except UnicodeDecodeError:
        yield "the name is not UTF-8"
        return
    if any(unicodedata.category(character) == "Cc" for character in text):
        yield "the name contains control characters"
    if any(ord(character) in _REORDERING for character in text):
        yield "the name contains characters that reorder what is shown"


def _special(part: bytes) -> str:
    """Return the name that some file system would take this component for."""
    text = unicodedata.normalize("NFKC", part.decode("utf-8", "replace"))
    text = text.translate(_IGNORED_BY_FILE_SYSTEMS).casefold()
    text = re.split(r"[:\\]", text, maxsplit=1)[0].rstrip(" .")
    if _SHORT_NAMES.fullmatch(text):
        return ".gitmodules" if text.startswith("gitmod") else ".git"
    return text


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def _collisions(git: Git, tree: str, added: Sequence[bytes]) -> list[Conflict]:
    """Find added paths that a file system blind to case would mix up with another one.

    Folders count too: `Docs/a` and `docs/b` end up in one folder there.
    """
    spellings: dict[str, set[str]] = defaultdict(set)
    for entry in split_nul(git.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", tree)):
        path = entry.decode("utf-8", "surrogateescape")
        while path:
            known = spellings[_folded(path)]
            if path in known:
                break
            known.add(path)
            path = path.rpartition("/")[0]
    found = []
    for raw in added:
        path = raw.decode("utf-8", "surrogateescape")
        while path:
            others = spellings[_folded(path)] - {path}
            if others:
                other = display(min(others).encode("utf-8", "surrogateescape"))
                reason = f"differs only in case or accents' form from {other}"
                found.append(Conflict(display(raw), reason))
                break
            path = path.rpartition("/")[0]
    return found


def _escaping_links(
    git: Git, old_tree: str, new_tree: str, changes: Sequence[TreeChange]
) -> list[Conflict]:
    """Find links that leave the tree: changed ones, and old ones led astray by a changed one."""
    before, after = _link_targets(git, old_tree), _link_targets(git, new_tree)
    changed = {change.path for change in changes if change.is_symlink}
    return [
        Conflict(display(path), f"the symbolic link {reason}")
        for path in after
        if (reason := _escape(path, after)) is not None
        and (path in changed or _escape(path, before) is None)
    ]


def _link_targets(git: Git, tree: str) -> dict[bytes, bytes]:
    ids = {}
    for line in split_nul(git.run("ls-tree", "-r", "-z", "--full-tree", tree)):
        head, _, path = line.partition(b"\t")
        mode, _, object_id = head.decode().split(" ")
        if mode == _SYMLINK:
            ids[path] = object_id
    return dict(zip(ids, _blobs(git, ids.values()), strict=True))


def _blobs(git: Git, ids: Iterable[str]) -> Iterable[bytes]:
    asked = "".join(f"{object_id}\n" for object_id in ids).encode()
    answer = git.run("cat-file", "--batch", stdin=asked) if asked else b""
    position = 0
    while position < len(answer):
        start = answer.index(b"\n", position) + 1
        size = int(answer[position:start].rsplit(b" ", 1)[1])
        yield answer[start : start + size]
        position = start + size + 1


def _escape(link: bytes, targets: Mapping[bytes, bytes]) -> str | None:
    """Follow `link` as the kernel would; say how it leaves the tree, or None if it does not."""
    where = link.split(b"/")[:-1]
    ahead = [link.split(b"/")[-1]]
    steps = 0
    while ahead:
        part = ahead.pop(0)
        if part in (b"", b"."):
            continue
        if part == b"..":
            if not where:
                return "leads out of the repository"
            where.pop()
            continue
        if not where and _special(part) == ".git":
            return "leads into .git"
        here = b"/".join([*where, part])
        target = targets.get(here)
        if target is None:
            where.append(part)
            continue
        steps += 1
        if steps > _MAX_LINK_STEPS:
            return "leads in a circle"
        if target.startswith(b"/"):
            return "has an absolute target"
        if not target or len(target) > _MAX_TARGET_BYTES or b"\0" in target or b"\\" in target:
            return "has a target that is not a plain relative path"
        ahead = target.split(b"/") + ahead
    return None


def _too_large(git: Git, changes: Sequence[TreeChange]) -> list[Conflict]:
    blobs = [c for c in changes if not c.is_deleted and c.new_mode != _GITLINK]
    if not blobs:
        return []
    asked = "".join(f"{change.new_id}\n" for change in blobs).encode()
    sizes = git.run("cat-file", "--batch-check=%(objectsize)", stdin=asked).split(b"\n")
    limit = MAX_BLOB_BYTES // 1024**2
    return [
        Conflict(display(change.path), f"the file would be larger than {limit} MiB")
        for change, size in zip(blobs, sizes, strict=False)
        if size.isdigit() and int(size) > MAX_BLOB_BYTES
    ]
