"""A new run in place of an ended one, taking over the recorded results that still hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.agents.service import AgentService
from commandcenter.engine.context import RunFacts, StepView, build_context
from commandcenter.engine.inputs import parse_inputs
from commandcenter.engine.plan import Plan
from commandcenter.engine.scheduling import SkipReason
from commandcenter.engine.states import StepState
from commandcenter.engine.templates import render_tree
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Run, Step, Workflow
from commandcenter.runs.create import RunRequest
from commandcenter.runs.errors import RunRequestError, RunUnfinishedError
from commandcenter.runs.overrides import merge_overrides
from commandcenter.runs.states import RunState
from commandcenter.workflows.service import WorkflowService


@dataclass(frozen=True, slots=True)
class RerunRequest:
    """What differs this time. `start_at`: this node and all that need it run again in any case."""

    start_at: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    step_inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


async def plan_rerun(
    session: AsyncSession,
    workflows: WorkflowService,
    agents: AgentService,
    run: Run,
    request: RerunRequest,
) -> RunRequest:
    """Return the request for the new run. The old one is left as it is.

    A step's result is taken over when the step succeeded (or was skipped by its own condition),
    nothing upstream of it runs again, and its inputs would be the same as recorded. Inputs set for
    single steps are inherited from the old run; see `merge_overrides`.
    """
    if not RunState(run.state).is_final:
        raise RunUnfinishedError(
            f"Run {run.id} is {run.state}.",
            hint=f"Wait for its end, or: commandcenter runs cancel {run.id}",
        )
    workflow = await session.get_one(Workflow, run.workflow_id)
    graph = await workflows.plan_of(workflow.source)
    _check_names(graph, request)
    inputs = parse_inputs(graph.definition, {**run.inputs, **request.inputs})
    overrides = await merge_overrides(session, agents, graph, run.overrides, request.step_inputs)
    steps = {
        step.node: step for step in await session.scalars(select(Step).where(Step.run_id == run.id))
    }
    again = set(request.step_inputs)
    if request.start_at is not None:
        again.add(request.start_at)
    return RunRequest(
        workflow=workflow.id,
        inputs=inputs,
        project=run.project_id,
        runtime=run.runtime,
        trigger=run.trigger,
        rerun_of=run.id,
        overrides=overrides,
        reused=_reusable(graph, steps, inputs, again=again, changed=inputs != run.inputs),
    )


def _check_names(graph: Plan, request: RerunRequest) -> None:
    for name in [request.start_at, *request.step_inputs]:
        if name is not None and name not in graph.nodes:
            raise RunRequestError(
                f"The workflow has no node {name[:100]!r}.",
                hint=f"Its nodes: {', '.join(graph.order)}.",
            )


def _reusable(
    graph: Plan,
    steps: Mapping[str, Step],
    inputs: Mapping[str, Any],
    *,
    again: set[str],
    changed: bool,
) -> dict[str, Step]:
    reused: dict[str, Step] = {}
    views: dict[str, StepView] = {}
    for name in graph.order:
        step = steps[name]
        if name in again or any(need not in reused for need in graph.nodes[name].needs):
            continue
        if not _holds(step):
            continue
        if changed and not _same_inputs(graph, step, inputs, views):
            continue
        reused[name] = step
        views[name] = StepView(
            StepState(step.state),
            outputs=step.outputs or {},
            neutral=step.state == StepState.SKIPPED.value,
        )
    return reused


def _holds(step: Step) -> bool:
    return step.state == StepState.SUCCEEDED.value or (
        step.state == StepState.SKIPPED.value and step.reason == SkipReason.CONDITION_FALSE.value
    )


def _same_inputs(
    graph: Plan, step: Step, inputs: Mapping[str, Any], views: Mapping[str, StepView]
) -> bool:
    node = graph.nodes[step.node]
    if node.when is not None:
        return False  # its condition might be answered otherwise now
    context = build_context(graph, step.node, views, inputs, RunFacts(id="", workflow=""))
    try:
        rendered: Mapping[str, Any] = render_tree(dict(node.with_), context)
    except ProblemError:
        return False
    recorded = step.inputs or {}
    return all(recorded.get(key) == value for key, value in rendered.items())
