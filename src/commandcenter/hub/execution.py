"""Execution of runs in this process, be it a hub or a worker."""

import asyncio
import secrets
from datetime import timedelta
from pathlib import Path

import structlog

from commandcenter.agents.environments import EnvironmentBuilder
from commandcenter.agents.libraries import install_libraries
from commandcenter.agents.service import AgentService
from commandcenter.artifacts.service import ArtifactService
from commandcenter.durable.engine import DurableRuns
from commandcenter.events.store import EventStore
from commandcenter.hub.assembly import Assembly
from commandcenter.hub.builtin import LIBRARIES, builtin_agents
from commandcenter.hub.settings import OnStop
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database, sqlite_url
from commandcenter.kit.draining import Draining
from commandcenter.notifications.service import NotificationService
from commandcenter.projects.service import ProjectService
from commandcenter.runs.create import RunCreation
from commandcenter.runs.dependencies import ExecutionDependencies
from commandcenter.runs.dispatcher import Dispatcher
from commandcenter.runs.executor import STOPPING_SECONDS, RunExecutor
from commandcenter.runs.keeper import RunKeeper
from commandcenter.runs.recovery import Recovery
from commandcenter.runs.retention import keep_pruning
from commandcenter.runs.service import RunService
from commandcenter.runs.workers import Workers
from commandcenter.runtimes.registry import create_runtime
from commandcenter.secrets.service import SecretService
from commandcenter.workflows.service import WorkflowService

_log = structlog.get_logger(__name__)


def hub_executor_id(assembly: Assembly) -> str:
    """Return the id under which this hub's runs are recorded: the same after every restart.

    On a shared database it must differ from every other process's, and a host's name may change.
    """
    if assembly.services.get(Database).is_sqlite:
        return "hub"
    return f"hub-{installation_id(assembly.settings.data_directory)}"


def installation_id(data_directory: Path) -> str:
    """Return the random name of this data directory, made at its first use."""
    path = data_directory / "installation-id"
    try:
        with path.open("x") as file:
            file.write(secrets.token_hex(6))
    except FileExistsError:
        pass
    return path.read_text().strip()


async def start_execution(assembly: Assembly, *, executor_id: str) -> None:
    """Add executor, durable execution and keeper, and start again what an earlier process left."""
    settings, services = assembly.settings, assembly.services
    database, events = services.get(Database), services.get(EventStore)
    started_at = utc_now()
    slots = asyncio.Semaphore(settings.max_concurrent_attempts)
    executor = await _executor(assembly, executor_id, slots)
    services.add(executor)
    durable = DurableRuns(
        sqlite_url(settings.data_directory / "durable.db")
        if database.is_sqlite
        else settings.effective_database_url,
        executor_id=executor_id,
        execute=executor.execute,
    )
    services.add(durable)
    dispatcher = Dispatcher(
        database, events.bus, durable, has_place=lambda: executor.takes_runs and not slots.locked()
    )
    assembly.on_close("durable", durable.close)

    async def drain() -> None:
        left = await executor.drain(
            settings.drain_seconds, leaves_running=settings.on_stop is OnStop.LEAVE
        )
        if left:
            _log.warning("drain_left_runs", runs=left)

    services.get(Draining).add(drain, extra_seconds=STOPPING_SECONDS)
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
            durable.submit if database.is_sqlite else dispatcher.submit,
        )
    )
    workers = Workers(database, executor_id)
    keeper = RunKeeper(database, events, executor, durable, workers)
    services.add(keeper)
    if not database.is_sqlite:
        await workers.join()
        assembly.on_close("worker_entry", workers.leave)
        assembly.run_in_background("heartbeat", workers.beat())
    await durable.launch()
    found = await keeper.look_after()
    services.add(Recovery(database, found, started_at))
    if found.total:
        _log.info(
            "runs_found",
            resumed=list(found.resumed),
            resubmitted=list(found.resubmitted),
            taken_over=list(found.taken_over),
        )
    if not database.is_sqlite:
        assembly.run_in_background("dispatcher", dispatcher.take_turns())
    assembly.run_in_background("run_keeper", keeper.keep())
    assembly.run_in_background(
        "run_retention",
        keep_pruning(database, durable, keep=timedelta(days=settings.run_retention_days)),
    )


async def _executor(assembly: Assembly, executor_id: str, slots: asyncio.Semaphore) -> RunExecutor:
    settings, services = assembly.settings, assembly.services
    database = services.get(Database)
    data = settings.data_directory
    libraries = await asyncio.to_thread(
        install_libraries, [builtin_agents() / name for name in LIBRARIES], data / "libraries"
    )
    runtime = create_runtime(settings.runtime, data)
    assembly.on_close("runtime", runtime.close)
    return RunExecutor(
        ExecutionDependencies(
            database=database,
            events=services.get(EventStore),
            runtimes={settings.runtime: runtime},
            agents=services.get(AgentService),
            artifacts=services.get(ArtifactService),
            workflows=services.get(WorkflowService),
            projects=services.get(ProjectService),
            environments=EnvironmentBuilder(data / "environments", settings.package_index_hosts),
            notifications=services.get(NotificationService),
            secrets=services.get(SecretService),
            executor_id=executor_id,
            python_path=libraries,
            is_shared=not database.is_sqlite,
            slots=slots,
        )
    )
