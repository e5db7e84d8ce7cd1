"""What the patcher answers: one shape for success, refusal and failure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from commandcenter_agent import AgentError


@dataclass(frozen=True, slots=True)
class Conflict:
    file: str  # "" for the patch as a whole
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}" if self.file else self.reason


@dataclass(frozen=True, slots=True)
class FileChange:
    file: str
    change: str  # added, modified, deleted, renamed, copied or mode
    added: int  # lines; 0 for a binary file
    removed: int
    binary: bool = False
    source: str | None = None  # of a rename or copy

    def as_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {
            "file": self.file,
            "change": self.change,
            "added": self.added,
            "removed": self.removed,
        }
        if self.binary:
            value["binary"] = True
        if self.source is not None:
            value["source"] = self.source
        return value


@dataclass(frozen=True, slots=True)
class Outcome:
    """The content of output.json. `reason` is a stable code, "" when the patch was applied."""

    applied: bool
    reason: str
    message: str
    branch: str | None = None
    base_commit: str | None = None
    commit: str | None = None
    backup_ref: str | None = None
    changes: Sequence[FileChange] = ()
    files: Sequence[str] = ()
    conflicts: Sequence[Conflict] = field(default=())

    def as_json(self) -> dict[str, Any]:
        return {
            "applied": self.applied,
            "filesModified": list(self.files),
            "backupPath": self.backup_ref,
            "conflicts": [{"file": one.file, "reason": one.reason} for one in self.conflicts],
            "commit": self.commit,
            "baseCommit": self.base_commit,
            "branch": self.branch,
            "fileChanges": [change.as_json() for change in self.changes],
            "reason": self.reason,
            "message": self.message,
        }


class RefusedError(Exception):
    """The patch was not applied and nothing was changed. `reason` is the outcome's code."""

    def __init__(self, reason: str, message: str, conflicts: Sequence[Conflict] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.conflicts = tuple(conflicts) or (Conflict("", message),)

    def as_agent_error(self, branch: str | None, base_commit: str | None) -> AgentError:
        message = str(self)
        outcome = Outcome(
            applied=False,
            reason=self.reason,
            message=message,
            branch=branch,
            base_commit=base_commit,
            conflicts=self.conflicts,
        )
        return AgentError(f"not applied ({self.reason}): {message}", output=outcome.as_json())
