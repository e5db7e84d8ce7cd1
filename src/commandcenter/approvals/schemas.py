from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from commandcenter.agents.patch_summary import PatchSummary, summarise_patch
from commandcenter.approvals.check import CheckOutcome
from commandcenter.approvals.states import Answer
from commandcenter.approvals.warnings import warnings
from commandcenter.models import Approval, ApprovalDecision


class ApprovalAnswer(BaseModel):
    """`comment` is kept with the answer for everybody to read."""

    model_config = ConfigDict(extra="forbid")

    decision: Answer
    comment: str = Field("", max_length=4000)


class DecisionView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    principal_name: str
    decision: str
    comment: str
    decided_at: datetime


class FileChange(BaseModel):
    """One file of a patch; line counts are None for a binary one."""

    file: str
    change: str
    added: int | None
    removed: int | None


class ObstacleView(BaseModel):
    """`file` is empty where it is about the whole."""

    file: str
    reason: str


class CheckView(BaseModel):
    """What the agent found out before people were asked, in an attempt that could change nothing.

    `outcome`: `possible`, or `unknown` where the check itself came to nothing. Lists are cut, the
    totals are not; `files` is null where the agent names none.
    """

    outcome: CheckOutcome
    message: str
    files: list[str] | None
    files_total: int
    conflicts: list[ObstacleView]
    conflicts_total: int
    at: datetime


class ApprovalSummary(BaseModel):
    id: str
    run_id: str
    node: str
    state: str
    agent: str
    project: str | None
    workflow: str
    groups: list[str]
    quorum: int
    allow_self: bool
    requested_by: str
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None

    @classmethod
    def of(cls, approval: Approval) -> Self:
        return cls(**_summary(approval))


class ApprovalView(ApprovalSummary):
    """Everything to decide on: what would run, on what, and who has answered.

    `check` is null where the agent has none. `asked_again` says what changed since an earlier
    question of this step, null for the first one. `blast_radius` says in words what the effect
    could touch. `diff` is the patch, when there is one, and `changes` its files.
    """

    effect: dict[str, Any]
    effect_hash: str
    asked_again: str | None
    check: CheckView | None
    diff: str | None
    changes: list[FileChange]
    notes: list[str]
    blast_radius: list[str]
    decisions: list[DecisionView]

    @classmethod
    def of_decisions(cls, approval: Approval, decisions: Sequence[ApprovalDecision]) -> Self:
        effect = approval.effect
        name = effect.get("diff_input")
        diff = effect["inputs"].get(name) if name else None
        summary = summarise_patch(diff) if isinstance(diff, str) else None
        return cls(
            **_summary(approval),
            effect=effect,
            effect_hash=approval.effect_hash,
            asked_again=effect.get("asked_again"),
            check=CheckView.model_validate(effect["check"]) if effect.get("check") else None,
            diff=diff if isinstance(diff, str) else None,
            changes=[
                FileChange(
                    file=file.path,
                    change=file.change.value,
                    added=None if file.binary else file.added,
                    removed=None if file.binary else file.removed,
                )
                for file in (summary.files if summary else ())
            ],
            notes=[*warnings(effect), *(_notes(summary) if summary else ())],
            blast_radius=_blast_radius(effect),
            decisions=[DecisionView.model_validate(decision) for decision in decisions],
        )


def _notes(summary: PatchSummary) -> list[str]:
    notes = [
        f"{note.file}: {note.message}" if note.file else note.message for note in summary.notes
    ]
    return [summary.problem, *notes] if summary.problem else notes


def _summary(approval: Approval) -> dict[str, Any]:
    effect = approval.effect
    own = {
        name: getattr(approval, name)
        for name in ApprovalSummary.model_fields
        if hasattr(approval, name)
    }
    project = effect.get("project")
    return own | {
        "agent": f"{effect['agent']['name']}@{effect['agent']['version']}",
        "project": project["name"] if project else None,
        "workflow": effect["workflow"],
    }


def _blast_radius(effect: dict[str, Any]) -> list[str]:
    agent, project, target = effect["agent"], effect.get("project"), effect.get("target")
    words: list[str] = []
    if project and agent["workspace"] == "write":
        words.append(f"may write to the folder of project {project['name']}: {project['path']}")
    elif project and agent["workspace"] == "read":
        words.append(f"may read the folder of project {project['name']}: {project['path']}")
    if target:
        branch = target["branch"] or "a detached HEAD"
        words.append(f"on {branch} at commit {target['commit'][:12]}")
    hosts = agent["network"]
    words.append(f"may reach {', '.join(hosts)}" if hosts else "has no network")
    if agent["secrets"]:
        words.append(f"is given the secrets {', '.join(agent['secrets'])}")
    return words
