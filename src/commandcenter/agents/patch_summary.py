"""What a patch would touch, read from its text alone: for the person who decides about it.

This describes; it does not judge whether the patch fits or is allowed. The patcher does that, on
the repository itself.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchedFile, PatchSet

_FULL_PARSE_CHARACTERS = 4 * 1024**2  # above it hunks are not read, only headers
_MANY_FILES = 30
_MANY_LINES = 800
_MAX_NOTES_PER_CODE = 20

_OCTAL = re.compile(r"\\([0-7]{3}|.)")
_ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
# Characters that show text in another order than it is executed, or not at all.
_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


class ChangeKind(StrEnum):
    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    RENAMED = "renamed"
    MODE = "mode"


@dataclass(frozen=True, slots=True)
class FileSummary:
    path: str
    change: ChangeKind
    added: int  # lines
    removed: int  # lines
    binary: bool
    source: str | None  # of a rename


@dataclass(frozen=True, slots=True)
class RiskNote:
    code: str  # stable, for filters and icons
    message: str
    file: str | None


@dataclass(frozen=True, slots=True)
class PatchSummary:
    files: Sequence[FileSummary]
    added: int
    removed: int
    notes: Sequence[RiskNote]
    problem: str | None  # why the text could not be read as a patch; the rest is then empty

    def as_json(self) -> dict[str, Any]:
        return {
            "files": [
                {
                    "path": file.path,
                    "change": file.change.value,
                    "added": file.added,
                    "removed": file.removed,
                    "binary": file.binary,
                    "source": file.source,
                }
                for file in self.files
            ],
            "added": self.added,
            "removed": self.removed,
            "notes": [
                {"code": note.code, "message": note.message, "file": note.file}
                for note in self.notes
            ],
            "problem": self.problem,
        }


def summarise_patch(text: str) -> PatchSummary:
    """Describe a unified diff or mailbox. Never raises: what cannot be read is a `problem`."""
    large = len(text) > _FULL_PARSE_CHARACTERS
    try:
        patches = PatchSet(text, metadata_only=large)
    except (UnidiffParseError, ValueError, IndexError) as error:
        words = " ".join(str(error).split())[:300] or type(error).__name__
        return PatchSummary((), 0, 0, (), f"this is not a well-formed patch: {words}")
    if not patches:
        return PatchSummary((), 0, 0, (), "this is not a patch: no file header was found")
    files = [_file(patch) for patch in patches]
    added, removed = sum(file.added for file in files), sum(file.removed for file in files)
    notes = list(_limited(_notes(files, patches)))
    if large:
        notes.append(RiskNote("not_counted", "too large: lines were not counted", None))
    if len(files) > _MANY_FILES or added + removed > _MANY_LINES:
        words = f"large: {len(files)} files, {added} lines added, {removed} removed"
        notes.append(RiskNote("large", words, None))
    return PatchSummary(tuple(files), added, removed, tuple(notes), None)


def _file(patch: PatchedFile) -> FileSummary:
    header = _header(patch)
    if patch.is_rename:
        kind = ChangeKind.RENAMED
    elif patch.is_added_file:
        kind = ChangeKind.ADDED
    elif patch.is_removed_file:
        kind = ChangeKind.DELETED
    elif re.search(r"^new mode ", header, re.MULTILINE) and not (patch or patch.is_binary_file):
        kind = ChangeKind.MODE
    else:
        kind = ChangeKind.MODIFIED
    return FileSummary(
        path=_plain(patch.target_file if kind is not ChangeKind.DELETED else patch.source_file),
        change=kind,
        added=patch.added,
        removed=patch.removed,
        binary=bool(patch.is_binary_file),
        source=_plain(patch.source_file) if kind is ChangeKind.RENAMED else None,
    )


def _header(patch: PatchedFile) -> str:
    return str(patch.patch_info or "")


def _plain(name: str) -> str:
    """Take quotes and the a/ or b/ prefix off a name."""
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        raw = bytearray()
        rest = name[1:-1]
        position = 0
        for match in _OCTAL.finditer(rest):
            raw += rest[position : match.start()].encode("utf-8", "surrogateescape")
            code = match[1]
            raw.append(_ESCAPES.get(code, ord("?")) if len(code) == 1 else int(code, 8) & 0xFF)
            position = match.end()
        raw += rest[position:].encode("utf-8", "surrogateescape")
        name = raw.decode("utf-8", "backslashreplace")
    return name[2:] if name.startswith(("a/", "b/")) else name


_Rule = tuple[str, str, Callable[[str], bool]]


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda path: compiled.search(path) is not None


_PATH_RULES: Sequence[_Rule] = (
    ("git_internals", "decides what git does; the patcher refuses it",
     _matches(r"(^|/)\.git(/|$)|(^|/)\.git(attributes|modules)$")),
    ("outside", "leads out of the repository; the patcher refuses it",
     _matches(r"^/|(^|/)\.\.(/|$)")),
    ("pipeline", "runs on the build server, often with its secrets",
     _matches(r"^\.github/(workflows|actions)/|^\.gitlab-ci|^\.circleci/|(^|/)jenkinsfile"
              r"|^azure-pipelines|^\.drone|^\.woodpecker|^\.ci/|^\.buildkite/")),
    ("hook", "runs on developers' machines when they commit or open the project",
     _matches(r"^\.husky/|^\.pre-commit-config|^lefthook|^\.githooks/|^\.vscode/|^\.devcontainer"
              r"|^\.idea/|^\.envrc$")),
    ("build", "runs when the project is built or installed",
     _matches(r"(^|/)(makefile|setup\.py|setup\.cfg|pyproject\.toml|package\.json|build\.rs"
              r"|build\.gradle(\.kts)?|pom\.xml|cmakelists\.txt|rakefile|justfile)$")),
    ("dependencies", "decides which foreign code is used",
     _matches(r"(^|/)(requirements[^/]*\.(txt|in)|[^/]*\.lock|package-lock\.json|go\.(mod|sum)"
              r"|pnpm-lock\.yaml|cargo\.toml|gemfile|pipfile|composer\.json)$")),
    ("deployment", "changes how the project is deployed",
     _matches(r"(^|/)(dockerfile[^/]*|[^/]*\.dockerfile|(docker-)?compose[^/]*\.ya?ml|[^/]*\.tf"
              r"|helmfile\.ya?ml|chart\.yaml)$|(^|/)(k8s|kubernetes|deploy|helm)/")),
    ("database", "changes the database's shape or data",
     _matches(r"(^|/)migrations?/|\.sql$")),
    ("credentials", "is a kind of file that holds secrets",
     _matches(r"(^|/)\.env(\.|$)|\.(pem|key|p12|pfx|jks|keystore)$|(^|/)id_(rsa|ed25519|ecdsa)$")),
    ("agent_instructions", "is read as instructions by coding agents",
     _matches(r"(^|/)(agents|claude|gemini)\.md$|(^|/)\.(cursor|claude|windsurf)(/|rules)"
              r"|copilot-instructions\.md$")),
)  # fmt: skip


def _notes(files: Sequence[FileSummary], patches: Sequence[PatchedFile]) -> Iterator[RiskNote]:
    for file, patch in zip(files, patches, strict=True):
        for path in {file.path, file.source or file.path}:
            for code, words, applies in _PATH_RULES:
                if applies(path):
                    yield RiskNote(code, f"{path} {words}", path)
        header = _header(patch)
        if file.change is ChangeKind.DELETED:
            yield RiskNote("deletes", f"{file.path} is deleted", file.path)
        if file.binary:
            words = f"{file.path} is binary: its content cannot be reviewed here"
            yield RiskNote("binary", words, file.path)
        if re.search(r"^new (file )?mode 100755", header, re.MULTILINE):
            yield RiskNote("executable", f"{file.path} becomes executable", file.path)
        if re.search(r"^(new file mode|index \S+) 120000", header, re.MULTILINE):
            yield RiskNote("symlink", f"{file.path} is a symbolic link", file.path)
        if re.search(r"^(new file mode|index \S+) 160000", header, re.MULTILINE):
            words = f"{file.path} is a submodule; the patcher refuses it"
            yield RiskNote("submodule", words, file.path)
        line = _hidden_line(patch)
        if line is not None:
            words = f"{file.path} gets characters that are invisible or reorder text (line {line})"
            yield RiskNote("hidden_text", words, file.path)


def _hidden_line(patch: PatchedFile) -> int | None:
    for hunk in patch:
        for line in hunk:
            if line.is_added and _HIDDEN.search(line.value):
                return line.target_line_no
    return None


def _limited(notes: Iterator[RiskNote]) -> Iterator[RiskNote]:
    seen: dict[str, int] = {}
    for note in notes:
        seen[note.code] = seen.get(note.code, 0) + 1
        if seen[note.code] <= _MAX_NOTES_PER_CODE:
            yield note
    for code, count in seen.items():
        if count > _MAX_NOTES_PER_CODE:
            words = f"{count - _MAX_NOTES_PER_CODE} more files of the kind `{code}`"
            yield RiskNote(code, words, None)
