"""The approval gate of a step: it opens for exactly the effect that people agreed to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from commandcenter.agents.manifest import Risk
from commandcenter.approvals.check import CheckReport
from commandcenter.approvals.policy import RISK_GATE
from commandcenter.approvals.request import (
    ApprovalRequest,
    request_approval,
    resolve_approval,
    supersede_approval,
)
from commandcenter.approvals.states import ApprovalState
from commandcenter.engine.definition import ApprovalGate, NodeDefinition
from commandcenter.engine.effects import effect_hash
from commandcenter.engine.states import StepState
from commandcenter.events.bus import EventBus
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database, Transaction, within
from commandcenter.models import Approval
from commandcenter.runs.asked_again import why_asked_again
from commandcenter.runs.loaded import LoadedRun, PinnedAgent
from commandcenter.runs.recorder import RunRecorder
from commandcenter.runs.stopping import StopSignal
from commandcenter.runs.target import Target

DIFF_MEDIA_TYPE = "text/x-diff"

_REFUSED = frozenset({ApprovalState.REJECTED.value, ApprovalState.EXPIRED.value})
_STANDING = frozenset({ApprovalState.PENDING.value, ApprovalState.APPROVED.value})


def gate_of(node: NodeDefinition, agent: PinnedAgent) -> ApprovalGate | None:
    """The workflow may add a gate; what the agent's risk demands it cannot take away."""
    if node.approval is not None:
        return node.approval
    return RISK_GATE if agent.manifest.risk is Risk.APPROVAL_REQUIRED else None


@dataclass(frozen=True, slots=True)
class Effect:
    """What would happen: hashed for the binding, described for people."""

    inputs: Mapping[str, Any]
    hash: str
    description: Mapping[str, Any]


def describe_effect(
    run: LoadedRun,
    node: str,
    agent: PinnedAgent,
    inputs: Mapping[str, Any],
    target: Target | None,
) -> Effect:
    digest = effect_hash(
        agent_name=agent.name,
        agent_version=agent.row.version,
        agent_digest=agent.row.digest,
        inputs=inputs,
        target_commit=target.commit if target else None,
        project_id=run.project.id if run.project else None,
        node=node,
    )
    return Effect(
        inputs=inputs,
        hash=digest,
        description={
            "agent": {
                "name": agent.name,
                "version": agent.row.version,
                "digest": agent.row.digest,
                "risk": agent.manifest.risk.value,
                "type": agent.manifest.type.value,
                "description": agent.manifest.description,
                "workspace": agent.manifest.workspace.value,
                "network": list(agent.manifest.network.allow),
                "secrets": [secret.name for secret in agent.manifest.secrets],
            },
            "inputs": dict(inputs),
            "diff_input": _diff_input(agent),
            "project": (
                {"id": run.project.id, "name": run.project.name, "path": run.project.path}
                if run.project
                else None
            ),
            "target": target.to_json() if target else None,
            "workflow": run.workflow_name,
            "node": node,
        },
    )


def _diff_input(agent: PinnedAgent) -> str | None:
    """Return the name of the agent's input that holds a patch, to be shown as one."""
    properties: Mapping[str, Any] = agent.manifest.inputs.get("properties", {})
    for name, schema in properties.items():
        if schema.get("contentMediaType") == DIFF_MEDIA_TYPE:
            return name
    return None


def _stands(found: Approval, effect: Effect) -> bool:
    return found.state in _REFUSED or (
        found.effect_hash == effect.hash and found.state in _STANDING
    )


class StepGate:
    """Asks and waits on behalf of one step."""

    def __init__(
        self,
        *,
        run: LoadedRun,
        node: str,
        gate: ApprovalGate,
        recorder: RunRecorder,
        database: Database,
        bus: EventBus,
        stop: StopSignal,
    ) -> None:
        self._run = run
        self._node = node
        self._gate = gate
        self._recorder = recorder
        self._database = database
        self._bus = bus
        self._stop = stop

    async def standing(self, effect: Effect, previous: str | None) -> str | None:
        """Return `previous` if it settles this effect or still asks about it, so that `ask` would
        ask nothing new."""  # noqa: D209  # one sentence
        if previous is None:
            return None
        async with self._database.read() as session:
            found = await session.get(Approval, previous)
        return previous if found is not None and _stands(found, effect) else None

    async def close(self, previous: str | None) -> None:
        """Close a question about an effect that is not to be: it is found to be impossible."""
        if previous is None:
            return
        async with self._recorder.transaction() as session:
            approval = await session.get_one(Approval, previous)
            await supersede_approval(session, self._recorder.events, approval)

    async def ask(
        self, effect: Effect, previous: str | None, report: CheckReport | None = None
    ) -> str:
        """Return the id of the approval for this effect: the previous one if it is for the same.

        `report`: what was found out beforehand; it is shown, and no part of what is agreed to.
        A question about another effect, answered or not, is superseded in the same transaction,
        and the new one says what changed (`asked_again` in its effect, on the step and in its
        event). A refusal stands whatever has changed since: a restart is no reason to ask again.
        """
        description = dict(effect.description)
        if report is not None:
            description["check"] = {**report.to_json(), "at": utc_now().isoformat()}
        reason = None
        async with self._recorder.transaction() as session:
            found = await session.get(Approval, previous) if previous else None
            if found is not None:
                if _stands(found, effect):
                    return found.id
                if found.effect_hash != effect.hash:
                    reason = why_asked_again(found.id, found.effect, description)
                    description["asked_again"] = reason
                    await supersede_approval(session, self._recorder.events, found)
            approval_id = await request_approval(
                session,
                self._recorder.events,
                ApprovalRequest(
                    run_id=self._run.id,
                    node=self._node,
                    project_id=self._run.project.id if self._run.project else None,
                    effect=description,
                    effect_hash=effect.hash,
                    groups=self._gate.groups,
                    quorum=self._gate.quorum,
                    allow_self=self._gate.allow_self,
                    requested_by=self._run.requested_by,
                    expires_at=utc_now() + timedelta(seconds=self._gate.timeout_seconds),
                ),
            )
            await within(session, lambda own: self._wait_for(own, approval_id, effect, reason))
        return approval_id

    def _wait_for(
        self, transaction: Transaction, approval_id: str, effect: Effect, reason: str | None
    ) -> None:
        self._recorder.set_step(
            transaction,
            self._node,
            state=StepState.WAITING.value,
            approval_id=approval_id,
            inputs=dict(effect.inputs),
            message=f"waits for another approval: {reason}" if reason else "waits for an approval",
        )
        self._recorder.append(
            transaction,
            EventType.STEP_WAITING,
            self._node,
            {"approval_id": approval_id, **({"asked_again": reason} if reason else {})},
        )

    async def decision(self, approval_id: str) -> ApprovalState:
        """Wait for the answer, the expiry (which this then records) or the stop signal."""
        with self._bus.run_signal(self._run.id, EventType.APPROVAL_RESOLVED) as changed:
            while True:
                changed.clear()
                state, expires_at = await self._read(approval_id)
                if state is not ApprovalState.PENDING:
                    return state
                left = (expires_at - utc_now()).total_seconds()
                if left <= 0:
                    await self._expire(approval_id)
                    continue
                try:
                    await self._stop.race(changed.wait(), timeout_seconds=left)
                except TimeoutError:
                    continue

    async def withdraw(self, approval_id: str) -> None:
        """Close the question because the run is ending."""
        async with self._recorder.transaction() as session:
            approval = await session.get_one(Approval, approval_id)
            await resolve_approval(
                session, self._recorder.events, approval, ApprovalState.CANCELLED
            )

    async def _read(self, approval_id: str) -> tuple[ApprovalState, datetime]:
        async with self._database.read() as session:
            row = (
                await session.execute(
                    select(Approval.state, Approval.expires_at).where(Approval.id == approval_id)
                )
            ).one()
        return ApprovalState(row.state), row.expires_at

    async def _expire(self, approval_id: str) -> None:
        async with self._recorder.transaction() as session:
            approval = await session.get_one(Approval, approval_id)
            await resolve_approval(session, self._recorder.events, approval, ApprovalState.EXPIRED)
