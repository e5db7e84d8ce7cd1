"""The services that do the work: domains, runtimes, and the durable execution of runs."""

import asyncio
import socket
from pathlib import Path

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

import commandcenter
from commandcenter.agents.folders import register_folders
from commandcenter.agents.libraries import install_libraries
from commandcenter.agents.service import AgentService
from commandcenter.agents.store import AgentStore
from commandcenter.approvals.service import ApprovalService
from commandcenter.artifacts.service import ArtifactService
from commandcenter.artifacts.store import ArtifactStore
from commandcenter.durable.engine import DurableRuns
from commandcenter.events.store import EventStore
from commandcenter.hub.assembly import Assembly
from commandcenter.kit.database import Database, sqlite_url
from commandcenter.kit.draining import Draining
from commandcenter.logs.service import LogService
from commandcenter.models import Run
from commandcenter.notifications.service import NotificationService
from commandcenter.projects.roots import AllowedRoots
from commandcenter.projects.service import ProjectService
from commandcenter.runs.create import RunCreation
from commandcenter.runs.dependencies import ExecutionDependencies
from commandcenter.runs.executor import RunExecutor
from commandcenter.runs.recovery import recover_runs
from commandcenter.runs.service import RunService
from commandcenter.runs.states import UNFINISHED_RUN_STATES
from commandcenter.runtimes.registry import create_runtime
from commandcenter.secrets.service import SecretService
from commandcenter.workflows.builtin_workflows import register_builtin_workflows
from commandcenter.workflows.service import WorkflowService

_log = structlog.get_logger(__name__)
# Shared by agents, not agents themselves.
_LIBRARIES = ("sdk", "analysis")


def builtin_agents() -> Path:
    """Return the folder of the built-in agents: inside the wheel, or beside the sources."""
    package = Path(commandcenter.__file__).parent
    for candidate in (package / "_agents", package.parent.parent / "agents"):
        if (candidate / "sdk").is_dir():
            return candidate
    raise FileNotFoundError(f"no built-in agents beside {package}: the installation is incomplete")


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
    for folder in await register_folders(agents, [builtin, data / "agents.d"]):
        if folder.problem is not None:
            _log.error("agent_not_registered", folder=str(folder.folder), why=folder.problem.detail)
    workflows = WorkflowService(database, events, agents)
    services.add(workflows)
    for outcome in await register_builtin_workflows(workflows):
        if outcome.problem is not None:
            _log.error("workflow_not_stored", file=outcome.file_name, why=outcome.problem.detail)
    services.add(ArtifactService(database, ArtifactStore(data / "artifacts")))
    services.add(LogService(database, data / "logs"))
    services.add(NotificationService(database, events))
    services.add(ApprovalService(database, events))


async def add_execution(assembly: Assembly) -> None:
    """The runtime, the executor and durable execution; last, because it starts runs again."""
    settings, services = assembly.settings, assembly.services
    database, events = services.get(Database), services.get(EventStore)
    data = settings.data_directory
    builtin = builtin_agents()

    libraries = await asyncio.to_thread(
        install_libraries, [builtin / name for name in _LIBRARIES], data / "libraries"
    )
    runtime = create_runtime(settings.runtime, data)
    assembly.on_close("runtime", runtime.close)
    executor = RunExecutor(
        ExecutionDependencies(
            database=database,
            events=events,
            runtimes={settings.runtime: runtime},
            agents=services.get(AgentService),
            artifacts=services.get(ArtifactService),
            notifications=services.get(NotificationService),
            secrets=services.get(SecretService),
            executor_id=f"hub-{socket.gethostname()}",
            python_path=libraries,
            slots=asyncio.Semaphore(settings.max_concurrent_attempts),
        )
    )
    services.add(executor)
    durable = DurableRuns(
        sqlite_url(data / "durable.db") if database.is_sqlite else settings.effective_database_url,
        executor_id=f"hub-{socket.gethostname()}",
        execute=executor.execute,
    )
    assembly.on_close("durable", durable.close)

    async def drain() -> None:
        await executor.drain(max(0.0, settings.drain_seconds - _STOP_SECONDS))

    services.get(Draining).add(drain)
    services.add(
        RunService(
            database,
            events,
            RunCreation(
                events=events,
                workflows=services.get(WorkflowService),
                agents=services.get(AgentService),
                projects=services.get(ProjectService),
                default_runtime=settings.runtime,
                runtimes=frozenset({settings.runtime}),
            ),
            durable.submit,
        )
    )
    await durable.launch()
    report = await recover_runs(database, known=await durable.unfinished(), submit=durable.resubmit)
    services.add(report)
    if report.total:
        _log.info(
            "runs_resumed", resumed=list(report.resumed), resubmitted=list(report.resubmitted)
        )


# Of the drain time, what is left for stopping what did not end by itself.
_STOP_SECONDS = 6.0
