"""A hub with the domains' routers and services, whether or not the application has them yet."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.agents import endpoints as agent_endpoints
from commandcenter.agents.service import AgentService
from commandcenter.agents.store import AgentStore
from commandcenter.artifacts import endpoints as artifact_endpoints
from commandcenter.artifacts.service import ArtifactService
from commandcenter.artifacts.store import ArtifactStore
from commandcenter.events.store import EventStore
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.logs import endpoints as log_endpoints
from commandcenter.logs import follow_endpoint
from commandcenter.logs.service import LogService
from commandcenter.models import Run, Workflow
from commandcenter.notifications import endpoints as notification_endpoints
from commandcenter.notifications.service import NotificationService
from commandcenter.projects import endpoints as project_endpoints
from commandcenter.projects.roots import AllowedRoots
from commandcenter.projects.service import ProjectService
from commandcenter.workflows import endpoints as workflow_endpoints
from commandcenter.workflows.service import WorkflowService
from tests.conftest import RunningHub

T = TypeVar("T")

_ROUTERS = (
    project_endpoints.router,
    agent_endpoints.router,
    workflow_endpoints.router,
    artifact_endpoints.router,
    log_endpoints.router,
    follow_endpoint.router,
    notification_endpoints.router,
)


@dataclass
class ActiveRuns:
    """Says how many runs of a project are active: what the tests put in."""

    by_project: dict[str, int] = field(default_factory=dict)

    async def __call__(self, _session: AsyncSession, project_id: str) -> int:
        return self.by_project.get(project_id, 0)


def add_domains(hub: RunningHub, active_runs: ActiveRuns) -> None:
    data = hub.settings.data_directory
    services = hub.services
    database, events = services.get(Database), services.get(EventStore)

    def ensure(kind: type[T], make: Callable[[], T]) -> T:
        try:
            return services.get(kind)
        except KeyError:
            services.add(make())
            return services.get(kind)

    roots = ensure(AllowedRoots, lambda: AllowedRoots(data, hub.settings.allowed_roots))
    store = ensure(AgentStore, lambda: AgentStore(data / "agents"))
    services.add(ProjectService(database, events, roots, active_runs))
    agents = ensure(AgentService, lambda: AgentService(database, events, store, roots))
    ensure(WorkflowService, lambda: WorkflowService(database, events, agents))
    ensure(ArtifactService, lambda: ArtifactService(database, ArtifactStore(data / "artifacts")))
    ensure(LogService, lambda: LogService(database, data / "logs"))
    ensure(NotificationService, lambda: NotificationService(database, events))
    for router in _ROUTERS:
        hub.server.app.include_router(router, prefix="/api/v1")


async def make_run(
    database: Database, run_id: str = "run_1", *, project_id: str | None = None
) -> Run:
    """Store a run of an empty workflow, for what hangs on a run."""
    now = utc_now()
    async with database.write() as session:
        workflow = Workflow(
            id=f"workflow_of_{run_id}",
            name=f"of-{run_id.replace('_', '-')}",
            version=1,
            source="",
            digest="",
            created_at=now,
            created_by="system",
        )
        session.add(workflow)
        await session.flush()
        run = Run(
            id=run_id,
            workflow_id=workflow.id,
            workflow_name=workflow.name,
            workflow_version=1,
            project_id=project_id,
            state="running",
            inputs={},
            trigger={},
            agents={},
            runtime="fake",
            requested_by="system",
            overrides={},
            created_at=now,
            deadline_at=now,
        )
        session.add(run)
    return run


def git(folder: Path, *arguments: str) -> str:
    command: Sequence[str] = (
        "git",
        "-c",
        "user.name=Tester",
        "-c",
        "user.email=tester@example.org",
        "-c",
        "commit.gpgsign=false",
        *arguments,
    )
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def make_repository(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "README.md").write_text("hello\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder
