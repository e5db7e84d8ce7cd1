"""A hub with empty domains: nothing built in is registered, and nothing executes runs."""

import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.agents.service import AgentService
from commandcenter.agents.store import AgentStore
from commandcenter.artifacts.service import ArtifactService
from commandcenter.artifacts.store import ArtifactStore
from commandcenter.events.store import EventStore
from commandcenter.hub import app
from commandcenter.hub.assembly import Assembly
from commandcenter.hub.settings import Settings
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.logs.service import LogService
from commandcenter.models import Run, Workflow
from commandcenter.notifications.service import NotificationService
from commandcenter.projects.roots import AllowedRoots
from commandcenter.projects.service import ProjectService
from commandcenter.workflows.service import WorkflowService
from tests.conftest import RunningHub, running_hub


@dataclass
class ActiveRuns:
    """Says how many runs of a project are active: what the tests put in."""

    by_project: dict[str, int] = field(default_factory=dict)

    async def __call__(self, _session: AsyncSession, project_id: str) -> int:
        return self.by_project.get(project_id, 0)


@asynccontextmanager
async def hub_with_domains(
    settings: Settings, active_runs: ActiveRuns, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningHub]:
    """Serve the real application on services of the tests' own making."""

    async def add_domains(assembly: Assembly) -> None:
        services, data = assembly.services, assembly.settings.data_directory
        database, events = services.get(Database), services.get(EventStore)
        roots = AllowedRoots(data, assembly.settings.allowed_roots)
        agents = AgentService(database, events, AgentStore(data / "agents"), roots)
        services.add(ProjectService(database, events, roots, active_runs))
        services.add(agents)
        services.add(WorkflowService(database, events, agents))
        services.add(ArtifactService(database, ArtifactStore(data / "artifacts")))
        services.add(LogService(database, data / "logs"))
        services.add(NotificationService(database, events))

    monkeypatch.setattr(app, "PARTS", (add_domains,))
    async with running_hub(settings) as hub:
        yield hub


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
