"""An approval with the rows it hangs on, without a hub."""

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.approvals.request import ApprovalRequest, request_approval
from commandcenter.events.store import EventStore
from commandcenter.kit.clock import utc_now
from commandcenter.kit.ids import new_id
from commandcenter.models import Run, Workflow

EFFECT: dict[str, Any] = {
    "agent": {
        "name": "risky",
        "version": "1.0.0",
        "workspace": "none",
        "network": [],
        "secrets": [],
    },
    "inputs": {},
    "project": None,
    "target": None,
    "workflow": "gated",
}


async def add_approval(
    session: AsyncSession,
    events: EventStore,
    *,
    quorum: int = 1,
    groups: tuple[str, ...] = (),
    allow_self: bool = True,
    lifetime: timedelta = timedelta(hours=1),
) -> str:
    """Add a run that waits at a gate; return the approval's id."""
    now = utc_now()
    workflow = Workflow(
        id=new_id("workflow"),
        name=new_id("w"),
        version=1,
        source="",
        digest="",
        created_at=now,
        created_by="system",
    )
    session.add(workflow)
    await session.flush()
    run = Run(
        id=new_id("run"),
        workflow_id=workflow.id,
        workflow_name="gated",
        workflow_version=1,
        state="running",
        inputs={},
        trigger={},
        agents={},
        runtime="fake",
        requested_by="requester",
        overrides={},
        created_at=now,
        deadline_at=now + timedelta(days=1),
    )
    session.add(run)
    await session.flush()
    return await request_approval(
        session,
        events,
        ApprovalRequest(
            run_id=run.id,
            node="change",
            project_id=None,
            effect=EFFECT,
            effect_hash="0" * 64,
            groups=groups,
            quorum=quorum,
            allow_self=allow_self,
            requested_by="requester",
            expires_at=now + lifetime,
        ),
    )
