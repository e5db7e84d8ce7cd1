from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from commandcenter.agents.manifest import Risk
from commandcenter.approvals.policy import RISK_GATE
from commandcenter.engine.definition import ApprovalGate, InputSpec, NodeDefinition, RetryPolicy
from commandcenter.engine.issues import Issue
from commandcenter.engine.plan import Plan
from commandcenter.models import Agent, Workflow
from commandcenter.workflows.service import Listed


class WorkflowView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    version: int
    digest: str
    created_at: datetime
    created_by: str
    retired_at: datetime | None


class WorkflowSummary(WorkflowView):
    """A version in a list. `created_by_name` is now's name of who stored it, else the id."""

    description: str | None
    created_by_name: str

    @classmethod
    def of(cls, listed: Listed) -> "WorkflowSummary":
        return cls(
            **WorkflowView.model_validate(listed.workflow).model_dump(),
            description=listed.description,
            created_by_name=listed.author,
        )


class InputView(BaseModel):
    name: str
    type: str
    format: str | None
    required: bool
    default: Any
    enum: list[Any]
    description: str | None

    @classmethod
    def of(cls, spec: InputSpec) -> "InputView":
        return cls(
            name=spec.name,
            type=spec.type.value,
            format=spec.format,
            required=spec.required,
            default=spec.default,
            enum=list(spec.enum),
            description=spec.description,
        )


class RetryView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    max: int
    backoff_seconds: float
    backoff_factor: float
    backoff_max_seconds: float
    jitter: bool

    @classmethod
    def of(cls, policy: RetryPolicy) -> "RetryView":
        return cls.model_validate(policy)


class ApprovalGateView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    groups: list[str]
    quorum: int
    timeout_seconds: float
    on_timeout: str
    allow_self: bool

    @classmethod
    def of(cls, gate: ApprovalGate) -> "ApprovalGateView":
        return cls(
            groups=list(gate.groups),
            quorum=gate.quorum,
            timeout_seconds=gate.timeout_seconds,
            on_timeout=gate.on_timeout,
            allow_self=gate.allow_self,
        )


class NodeView(BaseModel):
    """A node as it would run now. `approval_required`: by its own gate or by its agent's risk."""

    name: str
    description: str | None
    agent: str
    agent_version: str | None  # of the revision it would get now; null: there is none
    risk: str | None
    approval_required: bool
    approval: ApprovalGateView | None
    needs: list[str]
    when: str | None
    run_if: str
    retry: RetryView
    timeout_seconds: float | None
    with_: dict[str, Any] = Field(alias="with")

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    @classmethod
    def of(cls, node: NodeDefinition, agent: Agent | None) -> "NodeView":
        risk = agent.manifest["risk"] if agent else None
        by_risk = risk == Risk.APPROVAL_REQUIRED.value
        return cls(
            name=node.name,
            description=node.description,
            agent=node.agent,
            agent_version=agent.version if agent else node.agent_version,
            risk=risk,
            approval_required=by_risk or node.approval is not None,
            approval=_gate(node, by_risk=by_risk),
            needs=list(node.needs),
            when=node.when,
            run_if=node.run_if.value,
            retry=RetryView.of(node.retry),
            timeout_seconds=node.timeout_seconds,
            with_=dict(node.with_),
        )


def _gate(node: NodeDefinition, *, by_risk: bool) -> ApprovalGateView | None:
    if node.approval is not None:
        return ApprovalGateView.of(node.approval)
    return ApprovalGateView.of(RISK_GATE) if by_risk else None


class TriggerView(BaseModel):
    kind: str
    settings: dict[str, Any]


class PlanView(BaseModel):
    """The nodes in an order in which they could run one by one."""

    description: str | None
    inputs: list[InputView]
    triggers: list[TriggerView]
    nodes: list[NodeView]
    timeout_seconds: float
    outputs: dict[str, Any]

    @classmethod
    def of(cls, plan: Plan, agents: Mapping[str, Agent | None]) -> "PlanView":
        definition = plan.definition
        return cls(
            description=definition.description,
            inputs=[InputView.of(spec) for spec in definition.inputs.values()],
            triggers=[
                TriggerView(kind=trigger.kind, settings=dict(trigger.settings))
                for trigger in definition.triggers
            ],
            nodes=[NodeView.of(plan.nodes[name], agents.get(name)) for name in plan.order],
            timeout_seconds=definition.timeout_seconds,
            outputs=dict(definition.outputs),
        )


class WorkflowDetail(WorkflowView):
    source: str
    plan: PlanView

    @classmethod
    def of(
        cls, workflow: Workflow, plan: Plan, agents: Mapping[str, Agent | None]
    ) -> "WorkflowDetail":
        return cls(
            **WorkflowView.model_validate(workflow).model_dump(),
            source=workflow.source,
            plan=PlanView.of(plan, agents),
        )


class IssueView(BaseModel):
    """`line` and `column` count from 1; 0 where the text has no such place."""

    path: str
    line: int
    column: int
    message: str
    hint: str | None

    @classmethod
    def of(cls, issue: Issue) -> "IssueView":
        return cls(**issue.as_json())


class ValidationView(BaseModel):
    valid: bool
    issues: list[IssueView]
    plan: PlanView | None
