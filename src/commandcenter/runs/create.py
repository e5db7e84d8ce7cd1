"""Starting a run: everything is checked and pinned before anything is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic_core import to_json
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.agents.service import AgentService
from commandcenter.auth.audit import record
from commandcenter.auth.identity import Caller
from commandcenter.engine.definition import WorkflowDefinition
from commandcenter.engine.inputs import parse_inputs
from commandcenter.engine.plan import Plan
from commandcenter.engine.states import StepState
from commandcenter.events.store import EventStore
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.ids import new_id
from commandcenter.models import Project, Run, Step, Workflow
from commandcenter.projects.service import ProjectService
from commandcenter.runs.errors import IdempotencyConflictError, RunRequestError
from commandcenter.runs.states import RunState
from commandcenter.workflows.service import WorkflowService

MAX_INPUT_BYTES = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a person or a trigger asks for. References are ids or names."""

    workflow: str  # `name`, `name@version` or id
    inputs: Mapping[str, Any] = field(default_factory=dict)
    project: str | None = None
    runtime: str | None = None
    trigger: Mapping[str, Any] = field(default_factory=lambda: {"kind": "manual", "payload": {}})
    idempotency_key: str | None = None
    rerun_of: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    reused: Mapping[str, Step] = field(default_factory=dict)  # node -> step whose result stands


@dataclass(frozen=True, slots=True)
class RunCreation:
    """Stores runs. `default_runtime` is for requests that name none."""

    events: EventStore
    workflows: WorkflowService
    agents: AgentService
    projects: ProjectService
    default_runtime: str
    runtimes: frozenset[str]

    async def create(
        self, session: AsyncSession, caller: Caller, request: RunRequest
    ) -> tuple[Run, bool]:
        """Store the run with its steps in the caller's transaction; False if it was there.

        The same idempotency key with the same request returns the first run. Raises
        `RunRequestError` and the not-found errors of workflows, agents and projects.
        """
        workflow = await self.workflows.usable(session, request.workflow)
        graph = await self.workflows.plan_of(workflow.source)
        definition = graph.definition
        inputs, project = await self._inputs(session, definition, request)
        earlier = await _earlier(session, caller, request)
        if earlier is not None:
            if (earlier.workflow_id, earlier.inputs) != (workflow.id, inputs):
                raise IdempotencyConflictError(
                    f"The idempotency key {request.idempotency_key!r} was used for run "
                    f"{earlier.id}, which has another workflow or other inputs.",
                    hint="Take a new key for a new run.",
                )
            return earlier, False
        runtime = request.runtime or self.default_runtime
        if runtime not in self.runtimes:
            raise RunRequestError(
                f"There is no runtime {runtime!r} here.",
                hint=f"Available: {', '.join(sorted(self.runtimes))}.",
            )
        now = utc_now()
        run = Run(
            id=new_id("run"),
            workflow_id=workflow.id,
            workflow_name=workflow.name,
            workflow_version=workflow.version,
            project_id=project.id if project else None,
            state=RunState.QUEUED.value,
            reason=None,
            message="",
            inputs=inputs,
            trigger=dict(request.trigger),
            agents=await self._pin(session, definition),
            runtime=runtime,
            requested_by=caller.principal_id,
            idempotency_key=request.idempotency_key,
            rerun_of=request.rerun_of,
            overrides=dict(request.overrides),
            epoch=0,
            created_at=now,
            deadline_at=now + timedelta(seconds=definition.timeout_seconds),
        )
        session.add(run)
        await session.flush([run])
        await session.execute(insert(Step), _steps(run, graph, request))
        await self._tell(session, caller, run, workflow)
        return run, True

    async def _inputs(
        self, session: AsyncSession, definition: WorkflowDefinition, request: RunRequest
    ) -> tuple[dict[str, Any], Project | None]:
        """Return checked inputs, a project's name in place of its reference, and the project."""
        given = dict(request.inputs)
        slots = [name for name, spec in definition.inputs.items() if spec.format == "project"]
        if request.project is not None and slots and slots[0] not in given:
            given[slots[0]] = request.project
        size = len(to_json(given))
        if size > MAX_INPUT_BYTES:
            raise RunRequestError(
                f"The inputs take {size / 1024**2:.1f} MiB; at most "
                f"{MAX_INPUT_BYTES // 1024**2} MiB are taken.",
                hint="Put large data into the project's folder and pass its path within it.",
            )
        inputs = parse_inputs(definition, given)
        project = None
        for name in slots:
            if inputs.get(name) is None:
                continue
            found = await self.projects.find(session, str(inputs[name]))
            inputs[name] = found.name
            project = project or found
        if project is None and request.project is not None:
            project = await self.projects.find(session, request.project)
        return inputs, project

    async def _pin(self, session: AsyncSession, definition: WorkflowDefinition) -> dict[str, str]:
        found: dict[tuple[str, str | None], str] = {}
        for node in definition.nodes:
            key = (node.agent, node.agent_version)
            if key not in found:
                found[key] = (await self.agents.usable(session, *key)).id
        return {node.name: found[(node.agent, node.agent_version)] for node in definition.nodes}

    async def _tell(
        self, session: AsyncSession, caller: Caller, run: Run, workflow: Workflow
    ) -> None:
        data = {
            "workflow": workflow.name,
            "version": workflow.version,
            "requested_by": caller.name,
            "rerun_of": run.rerun_of,
        }
        await record(session, caller, "run.start", run.id, data)
        await self.events.append(
            session,
            EventType.RUN_CREATED,
            subject=run.id,
            run_id=run.id,
            project_id=run.project_id,
            data=data,
        )


async def _earlier(session: AsyncSession, caller: Caller, request: RunRequest) -> Run | None:
    if request.idempotency_key is None:
        return None
    found: Run | None = await session.scalar(
        select(Run).where(
            Run.requested_by == caller.principal_id,
            Run.idempotency_key == request.idempotency_key,
        )
    )
    return found


def _steps(run: Run, graph: Plan, request: RunRequest) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for node in graph.definition.nodes:
        step = request.reused.get(node.name)
        rows.append(
            {
                "run_id": run.id,
                "node": node.name,
                "position": graph.position[node.name],
                "state": step.state if step else StepState.PENDING.value,
                "reason": step.reason if step else None,
                "message": step.message if step else "",
                "inputs": step.inputs if step else None,
                "outputs": step.outputs if step else None,
                "attempt_count": 0,
                "reused_from": (step.reused_from or step.run_id) if step else None,
                "started_at": step.started_at if step else None,
                "finished_at": step.finished_at if step else None,
            }
        )
    return rows
