"""All that an execution needs to know of its run, read once at its start."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from commandcenter.agents.manifest import AgentManifest
from commandcenter.agents.service import AgentService
from commandcenter.engine.context import RunFacts
from commandcenter.engine.definition import WorkflowDefinition
from commandcenter.engine.plan import Plan
from commandcenter.kit.database import Database
from commandcenter.models import Agent, Project, Run, Step, Workflow
from commandcenter.workflows.service import WorkflowService

_STEPS = select(Step).where(Step.run_id == bindparam("of_run"))
_AGENTS = select(Agent).where(Agent.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class PinnedAgent:
    """The agent revision a node was bound to when the run was created."""

    row: Agent
    manifest: AgentManifest

    @property
    def name(self) -> str:
        return self.row.name


@dataclass(frozen=True, slots=True)
class LoadedRun:
    id: str
    workflow_name: str
    project: Project | None
    inputs: Mapping[str, Any]
    overrides: Mapping[str, Any]
    definition: WorkflowDefinition
    plan: Plan
    agents: Mapping[str, PinnedAgent]  # by node
    runtime: str
    requested_by: str
    facts: RunFacts
    deadline_at: datetime
    cancel_requested: bool
    steps: Mapping[str, Step]  # as found, by node


@dataclass(frozen=True, slots=True)
class _Rows:
    run: Run
    workflow: Workflow
    project: Project | None
    steps: list[Step]
    agents: list[Agent]


async def load_run(
    database: Database, workflows: WorkflowService, agents: AgentService, run_id: str
) -> LoadedRun:
    """Read the run with its pinned workflow and agents; LookupError when it is not there."""
    found = await database.query(lambda session: _read(session, run_id))
    graph = await workflows.plan_of(found.workflow.source)
    pinned = {agent.id: PinnedAgent(agent, agents.manifest(agent)) for agent in found.agents}
    run, project = found.run, found.project
    return LoadedRun(
        id=run.id,
        workflow_name=run.workflow_name,
        project=project,
        inputs=run.inputs,
        overrides=run.overrides,
        definition=graph.definition,
        plan=graph,
        agents={node: pinned[agent_id] for node, agent_id in run.agents.items()},
        runtime=run.runtime,
        requested_by=run.requested_by,
        facts=RunFacts(
            id=run.id,
            workflow=run.workflow_name,
            version=run.workflow_version,
            project=project.name if project else None,
            started_at=run.started_at.isoformat() if run.started_at else None,
            started_by=run.requested_by,
            trigger_kind=run.trigger.get("kind", "manual"),
            trigger_payload=run.trigger.get("payload", {}),
        ),
        deadline_at=run.deadline_at,
        cancel_requested=run.cancel_requested_at is not None,
        steps={step.node: step for step in found.steps},
    )


def _read(session: Session, run_id: str) -> _Rows:
    run = session.get(Run, run_id)
    if run is None:
        raise LookupError(run_id)
    return _Rows(
        run=run,
        workflow=session.get_one(Workflow, run.workflow_id),
        project=session.get(Project, run.project_id) if run.project_id else None,
        steps=list(session.scalars(_STEPS, {"of_run": run_id})),
        agents=list(session.scalars(_AGENTS, {"ids": sorted(set(run.agents.values()))})),
    )
