"""Make the commit a patch would lead to, in objects only: no branch and no file is touched."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from patching.git import GitError, split_nul
from patching.outcome import Conflict, FileChange, RefusedError
from patching.patch_text import Patch, display
from patching.policy import TreeChange, named_violations, tree_changes, violations
from patching.repository import Scratch
from patching.syntax import syntax_errors

DIGEST_TRAILER = "CommandCenter-Patch-SHA256"

_FAILED_AT = re.compile(r"error: patch failed: (?P<file>.*):(?P<line>\d+)$")
_OF_A_FILE = (
    re.compile(r"error: (?P<file>.*): (?P<reason>patch does not apply)$"),
    re.compile(r"error: (?P<file>.*): (?P<reason>(?:does not exist|already exists) in index)$"),
    re.compile(r"error: (?P<file>.*): (?P<reason>No such file or directory)$"),
    re.compile(r"error: (?P<reason>.*(?:wrong type|beyond a symbolic link|preimage)).*$"),
)
_LEADING = re.compile(r"^(?:error|fatal): ")
_NAMES = {"A": "added", "M": "modified", "D": "deleted", "R": "renamed", "C": "copied"}
_MAX_MESSAGE_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Candidate:
    tree: str
    changes: Sequence[TreeChange]  # every path, renames as delete and add
    file_changes: Sequence[FileChange]  # for people


def build(scratch: Scratch, base: str, patch: Patch, *, allow_syntax_errors: bool) -> Candidate:
    """Apply the patch to the tree of `base`. Raises `RefusedError`: it fits wholly or not at all.

    Reason `already_applied` if taking it back would fit instead.
    """
    if found := named_violations(patch.paths):
        raise RefusedError("refused", _first(found), found)
    index = scratch.folder / "candidate-index"
    git = scratch.git.with_index(index)
    git.run("read-tree", base)
    apply = ["apply", "--cached", "--whitespace=nowarn", f"-p{patch.strip}"]
    done = git.attempt(*apply, stdin=patch.content)
    if done.returncode != 0:
        git.run("read-tree", base)
        reverse = git.attempt(*apply, "--check", "--reverse", stdin=patch.content)
        if reverse.returncode == 0:
            raise RefusedError("already_applied", "the branch contains this change already")
        raise _conflict(done.stderr.decode(errors="backslashreplace"))
    if git.run("ls-files", "--unmerged", "-z"):
        raise RefusedError("conflict", "the patch left entries unmerged")
    try:
        tree = git.text("write-tree")
    except GitError as error:
        raise RefusedError("refused", f"the patched tree cannot be written: {error}") from None
    changes = tree_changes(git, base, tree)
    if not changes:
        raise RefusedError("no_change", "the patch changes nothing")
    if found := violations(git, base, tree, changes):
        raise RefusedError("refused", _first(found), found)
    if not allow_syntax_errors and (found := syntax_errors(git, changes)):
        words = f"{_first(found)}; set allowSyntaxErrors if that is meant"
        raise RefusedError("syntax_error", words, found)
    return Candidate(tree, changes, describe(scratch, base, tree))


def commit(scratch: Scratch, tree: str, parent: str, message: str) -> str:
    """Write the commit and return its id."""
    return scratch.git.text("commit-tree", tree, "-p", parent, "-F", "-", stdin=message.encode())


def commit_message(
    given: str | None, patch: Patch, changes: Sequence[FileChange], digest: str
) -> str:
    text = (given or patch.subject or "").replace("\0", "").strip()
    if not text:
        count = len(changes)
        text = f"Apply a patch to {changes[0].file}" if count == 1 else f"Patch {count} files"
    text = text[:_MAX_MESSAGE_CHARACTERS].encode("utf-8", "replace").decode()
    return f"{text}\n\n{DIGEST_TRAILER}: {digest}\n"


def describe(scratch: Scratch, old: str, new: str) -> list[FileChange]:
    """Return what differs between two trees as people see it: renames found, lines counted."""
    options = ("-r", "-z", "-M", "--no-abbrev")
    raw = list(split_nul(scratch.git.run("diff-tree", *options, "--raw", old, new)))
    counts = _line_counts(split_nul(scratch.git.run("diff-tree", *options, "--numstat", old, new)))
    changes = []
    position = 0
    while position < len(raw):
        old_mode, new_mode, old_id, new_id, status = raw[position].decode().lstrip(":").split(" ")
        kind = status[:1]
        moved = kind in "RC"
        source = raw[position + 1] if moved else None
        path = raw[position + 2] if moved else raw[position + 1]
        position += 3 if moved else 2
        added, removed, binary = counts[path]
        mode_only = kind == "M" and old_id == new_id and old_mode != new_mode
        changes.append(
            FileChange(
                file=display(path),
                change="mode" if mode_only else _NAMES.get(kind, "modified"),
                added=added,
                removed=removed,
                binary=binary,
                source=None if source is None else display(source),
            )
        )
    return changes


def _line_counts(fields: Sequence[bytes]) -> dict[bytes, tuple[int, int, bool]]:
    counts = {}
    position = 0
    while position < len(fields):
        added, removed, path = fields[position].split(b"\t", 2)
        position += 1
        if not path:  # a rename: source and target follow
            path = fields[position + 1]
            position += 2
        binary = added == b"-"
        counts[path] = (0, 0, True) if binary else (int(added), int(removed), False)
    return counts


def _conflict(stderr: str) -> RefusedError:
    """Turn git's words into one entry per file. The first hunk that does not fit is named."""
    found: dict[str, str] = {}
    other = []
    for line in stderr.splitlines():
        if (match := _FAILED_AT.match(line)) is not None:
            where = f"the change at line {match['line']} does not fit what is there now"
            found.setdefault(match["file"], where)
            continue
        match = next((m for pattern in _OF_A_FILE if (m := pattern.match(line))), None)
        if match is not None:
            file = match.groupdict().get("file") or ""
            reason = match["reason"].replace(" in index", "")
            found.setdefault(file, reason)
        elif line.startswith(("error:", "fatal:")):
            other.append(_LEADING.sub("", line))
    if not found:
        words = other[0] if other else "git could not apply it"
        corrupt = "corrupt" in words or "unrecognized input" in words or "No valid patches" in words
        return RefusedError("invalid_patch" if corrupt else "conflict", words)
    conflicts = [Conflict(file, reason) for file, reason in found.items()]
    return RefusedError("conflict", _first(conflicts), conflicts)


def _first(found: Sequence[Conflict]) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{found[0]}{more}"
