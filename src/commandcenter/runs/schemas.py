from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from commandcenter.approvals.warnings import warnings
from commandcenter.models import Approval, ApprovalDecision, Attempt, Run, Step
from commandcenter.runs.queries import RunDetail


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunStart(_In):
    """`workflow` and `project` are names or ids; `inputs` may be given as strings."""

    workflow: str = Field(max_length=200, examples=["review-and-patch"])
    project: str | None = Field(None, max_length=200)
    inputs: dict[str, Any] = Field(default_factory=dict)
    runtime: str | None = Field(None, max_length=32)


class WorkflowTrigger(_In):
    project: str | None = Field(None, max_length=200)
    inputs: dict[str, Any] = Field(default_factory=dict)
    runtime: str | None = Field(None, max_length=32)


class RunAgain(_In):
    """`start_at`: from this node on; `inputs`, `step_inputs`: what is to be different.

    Step inputs set by an earlier rerun still hold; null takes one of them back.
    """

    start_at: str | None = Field(None, max_length=64)
    inputs: dict[str, Any] = Field(default_factory=dict)
    step_inputs: dict[str, dict[str, Any]] = Field(default_factory=dict)


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class RunSummary(_Out):
    """`cause`: in a list, what the first failed step said, shortened; else null."""

    id: str
    workflow_name: str
    workflow_version: int
    project_id: str | None
    state: str
    reason: str | None
    message: str
    runtime: str
    requested_by: str
    rerun_of: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline_at: datetime
    cancel_requested_at: datetime | None
    cause: str | None = None

    @classmethod
    def of(cls, run: Run, cause: str | None = None) -> Self:
        return cls.model_validate(run).model_copy(update={"cause": cause})


class AttemptView(_Out):
    id: str
    number: int
    state: str
    reason: str | None
    message: str
    exit_code: int | None
    runtime: str
    cpu_seconds: float | None
    memory_peak_bytes: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class CheckReportView(_Out):
    """`outcome`: possible, impossible or unknown; the rest is the agent's word."""

    outcome: str
    message: str
    files: list[str] | None
    files_total: int
    conflicts: list[dict[str, str]]
    conflicts_total: int


class CheckAttemptView(AttemptView):
    """An attempt made beforehand, to find out whether the step can be done at all."""

    report: CheckReportView | None


class StepView(_Out):
    node: str
    agent: str
    agent_version: str
    risk: str
    needs: list[str]
    state: str
    reason: str | None
    message: str
    inputs: dict[str, Any] | None
    outputs: dict[str, Any] | None
    approval_id: str | None
    reused_from: str | None
    retry_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    attempts: list[AttemptView]
    checks: list[CheckAttemptView]


class ArtifactRef(_Out):
    id: str
    node: str
    attempt_id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str


class DecisionRef(_Out):
    principal_name: str
    decision: str
    comment: str
    decided_at: datetime


class ApprovalRef(_Out):
    """`notes`: what to know before deciding, such as why people are asked again."""

    id: str
    node: str
    state: str
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    decisions: list[DecisionRef] = []
    notes: list[str] = []


class RunView(RunSummary):
    """A run with all its steps and attempts, whose own messages say why one failed."""

    project: str | None = None
    requested_by_name: str | None = None
    inputs: dict[str, Any]
    trigger: dict[str, Any]
    epoch: int
    steps: list[StepView] = []
    approvals: list[ApprovalRef] = []
    artifacts: list[ArtifactRef] = []

    @classmethod
    def of_detail(cls, detail: RunDetail, needs: dict[str, list[str]]) -> Self:
        agents = {agent.id: agent for agent in detail.agents}
        attempts: dict[str, list[Attempt]] = {}
        checks: dict[str, list[Attempt]] = {}
        for attempt in detail.attempts:
            kind = checks if attempt.is_check else attempts
            kind.setdefault(attempt.node, []).append(attempt)

        def step_view(step: Step) -> StepView:
            agent = agents[detail.run.agents[step.node]]
            own = {
                name: getattr(step, name) for name in StepView.model_fields if hasattr(step, name)
            }
            return StepView(
                **own,
                agent=agent.name,
                agent_version=agent.version,
                risk=agent.manifest["risk"],
                needs=needs.get(step.node, []),
                attempts=[
                    AttemptView.model_validate(attempt) for attempt in attempts.get(step.node, [])
                ],
                checks=[
                    CheckAttemptView.model_validate(check) for check in checks.get(step.node, [])
                ],
            )

        run = {
            name: getattr(detail.run, name) for name in RunSummary.model_fields if name != "cause"
        }
        return cls(
            **run,
            project=detail.project.name if detail.project else None,
            requested_by_name=detail.requester,
            inputs=detail.run.inputs,
            trigger=detail.run.trigger,
            epoch=detail.run.epoch,
            steps=[step_view(step) for step in detail.steps],
            approvals=[_approval_ref(row, detail.decisions) for row in detail.approvals],
            artifacts=[ArtifactRef.model_validate(row) for row in detail.artifacts],
        )


def _approval_ref(approval: Approval, decisions: Sequence[ApprovalDecision]) -> ApprovalRef:
    own = {
        name: getattr(approval, name)
        for name in ApprovalRef.model_fields
        if name not in {"decisions", "notes"}
    }
    given = [
        DecisionRef.model_validate(decision)
        for decision in decisions
        if decision.approval_id == approval.id
    ]
    return ApprovalRef(**own, decisions=given, notes=list(warnings(approval.effect)))
