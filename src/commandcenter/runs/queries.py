"""Reading runs for people and programs. No policy here."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from commandcenter.engine.states import StepState
from commandcenter.models import (
    Agent,
    Approval,
    ApprovalDecision,
    Artifact,
    Attempt,
    Principal,
    Project,
    Run,
    Step,
)
from commandcenter.runs.errors import RunNotFoundError
from commandcenter.runs.states import RunState

MAX_CAUSE = 300  # characters


@dataclass(frozen=True, slots=True)
class RunFilter:
    state: str | None = None
    workflow: str | None = None
    project_id: str | None = None


@dataclass(frozen=True, slots=True)
class RunDetail:
    run: Run
    project: Project | None
    steps: Sequence[Step]
    attempts: Sequence[Attempt]
    approvals: Sequence[Approval]
    decisions: Sequence[ApprovalDecision]
    requester: str | None  # the name of who started it; None where it has no name any more
    artifacts: Sequence[Artifact]
    agents: Sequence[Agent]


async def find_run(session: AsyncSession, run_id: str, *, for_update: bool = False) -> Run:
    """Return the run; `RunNotFoundError` when there is none of that id."""
    run = await session.get(Run, run_id, with_for_update=for_update or None)
    if run is None:
        raise RunNotFoundError(
            f"There is no run {run_id[:100]!r}.", hint="commandcenter runs list shows them."
        )
    return run


async def run_detail(session: AsyncSession, run_id: str) -> RunDetail:
    run = await find_run(session, run_id)
    return RunDetail(
        run=run,
        project=await session.get(Project, run.project_id) if run.project_id else None,
        steps=(
            await session.scalars(select(Step).where(Step.run_id == run_id).order_by(Step.position))
        ).all(),
        attempts=(
            await session.scalars(
                select(Attempt)
                .where(Attempt.run_id == run_id)
                .order_by(Attempt.created_at, Attempt.id)
            )
        ).all(),
        approvals=(
            await session.scalars(
                select(Approval).where(Approval.run_id == run_id).order_by(Approval.created_at)
            )
        ).all(),
        decisions=(
            await session.scalars(
                select(ApprovalDecision)
                .join(Approval, Approval.id == ApprovalDecision.approval_id)
                .where(Approval.run_id == run_id)
                .order_by(ApprovalDecision.decided_at)
            )
        ).all(),
        requester=await session.scalar(
            select(Principal.name).where(Principal.id == run.requested_by)
        ),
        artifacts=(
            await session.scalars(
                select(Artifact)
                .where(Artifact.run_id == run_id)
                .order_by(Artifact.node, Artifact.name)
            )
        ).all(),
        agents=(
            await session.scalars(select(Agent).where(Agent.id.in_(set(run.agents.values()))))
        ).all(),
    )


async def run_page(
    session: AsyncSession, wanted: RunFilter, *, after: Run | None, limit: int
) -> Sequence[Run]:
    """Return runs older than `after`, the newest first, without their documents (such as inputs).

    The documents may have megabytes each; reading one of them of such a run raises.
    """
    documents = (Run.inputs, Run.trigger, Run.agents, Run.overrides)
    query = (
        select(Run)
        .options(*(defer(document, raiseload=True) for document in documents))
        .order_by(Run.created_at.desc(), Run.id.desc())
        .limit(limit)
    )
    if wanted.state is not None:
        query = query.where(Run.state == wanted.state)
    if wanted.workflow is not None:
        query = query.where(Run.workflow_name == wanted.workflow)
    if wanted.project_id is not None:
        query = query.where(Run.project_id == wanted.project_id)
    if after is not None:
        query = query.where(
            or_(
                Run.created_at < after.created_at,
                and_(Run.created_at == after.created_at, Run.id < after.id),
            )
        )
    return (await session.scalars(query)).all()


async def causes_of(session: AsyncSession, runs: Sequence[Run]) -> dict[str, str]:
    """Return by run what its first failed step said, shortened; nothing of runs without one."""
    failed = [run.id for run in runs if run.state == RunState.FAILED.value]
    if not failed:
        return {}
    found = await session.execute(
        select(Step.run_id, func.substr(Step.message, 1, MAX_CAUSE))
        .where(Step.run_id.in_(failed), Step.state == StepState.FAILED.value, Step.message != "")
        .order_by(Step.position)
    )
    causes: dict[str, str] = {}
    for run_id, message in found:
        causes.setdefault(run_id, message)
    return causes
