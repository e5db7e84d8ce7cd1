"""What executing a run takes from the other domains."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter.agents.environments import EnvironmentBuilder
from commandcenter.agents.service import AgentService
from commandcenter.artifacts.service import ArtifactService
from commandcenter.events.store import EventStore
from commandcenter.kit.database import Database
from commandcenter.notifications.service import NotificationService
from commandcenter.projects.service import ProjectService
from commandcenter.runtimes.base import Runtime
from commandcenter.secrets.service import SecretService
from commandcenter.workflows.service import WorkflowService


@dataclass(frozen=True, slots=True)
class ExecutionDependencies:
    database: Database
    events: EventStore
    runtimes: dict[str, Runtime]  # by name
    agents: AgentService
    artifacts: ArtifactService
    workflows: WorkflowService
    projects: ProjectService
    environments: EnvironmentBuilder
    notifications: NotificationService
    secrets: SecretService
    executor_id: str
    python_path: tuple[Path, ...]  # the SDK, and what the built-in agents share
    is_shared: bool = False  # other processes may take this one's runs over
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
