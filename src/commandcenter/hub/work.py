"""The services that do the work: domains, runtimes, and the durable execution of runs."""

from datetime import timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.agents.folders import register_folders
from commandcenter.agents.service import AgentService
from commandcenter.agents.store import AgentStore
from commandcenter.approvals.service import ApprovalService
from commandcenter.artifacts.service import ArtifactService
from commandcenter.artifacts.store import ArtifactStore
from commandcenter.events.store import EventStore
from commandcenter.hub.assembly import Assembly
from commandcenter.hub.builtin import builtin_agents
from commandcenter.hub.execution import hub_executor_id, start_execution
from commandcenter.hub.file_retention import keep_files_bounded
from commandcenter.hub.statistics_records import StatisticsRecords
from commandcenter.kit.database import Database
from commandcenter.logs.service import LogService
from commandcenter.models import Run
from commandcenter.notifications.service import NotificationService
from commandcenter.projects.roots import AllowedRoots
from commandcenter.projects.service import ProjectService
from commandcenter.runs.findings_list import FindingList
from commandcenter.runs.states import UNFINISHED_RUN_STATES
from commandcenter.workflows.builtin_workflows import register_builtin_workflows
from commandcenter.workflows.service import WorkflowService

_log = structlog.get_logger(__name__)


async def add_domains(assembly: Assembly) -> None:
    """Projects, agents, workflows, artifacts, logs, notifications, approvals."""
    settings, services = assembly.settings, assembly.services
    database, events = services.get(Database), services.get(EventStore)
    data = settings.data_directory

    async def active_runs(session: AsyncSession, project_id: str) -> int:
        query = select(func.count()).where(
            Run.project_id == project_id,
            Run.state.in_([state.value for state in UNFINISHED_RUN_STATES]),
        )
        return await session.scalar(query) or 0

    roots = AllowedRoots(data, settings.allowed_roots)
    services.add(roots)
    services.add(ProjectService(database, events, roots, active_runs))
    builtin = builtin_agents()
    agents = AgentService(
        database, events, AgentStore(data / "agents"), roots, trusted_folders=(builtin,)
    )
    services.add(agents)
    for folder in await register_folders(
        agents, [builtin, data / "agents.d", *settings.agent_folders]
    ):
        if folder.problem is not None:
            _log.error("agent_not_registered", folder=str(folder.folder), why=folder.problem.detail)
    workflows = WorkflowService(database, events, agents)
    services.add(workflows)
    for outcome in await register_builtin_workflows(workflows):
        if outcome.problem is not None:
            _log.error("workflow_not_stored", file=outcome.file_name, why=outcome.problem.detail)
    artifacts = ArtifactService(database, ArtifactStore(data / "artifacts"))
    services.add(artifacts)
    services.add(LogService(database, data / "logs"))
    services.add(NotificationService(database, events))
    services.add(ApprovalService(database, events))
    services.add(FindingList(database))
    services.add(StatisticsRecords(database))
    assembly.run_in_background(
        "file_retention",
        keep_files_bounded(
            database,
            artifacts,
            data / "logs",
            keep=timedelta(days=settings.log_retention_days),
            max_log_bytes=settings.max_log_bytes,
        ),
    )


async def add_execution(assembly: Assembly) -> None:
    """The runtime, the executor and durable execution; last, because it starts runs again."""
    await start_execution(assembly, executor_id=hub_executor_id(assembly))
