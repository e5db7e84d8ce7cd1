"""The part of a hub that looks after the stacks of projects."""

import structlog

from commandcenter.events.store import EventStore
from commandcenter.hub.assembly import Assembly
from commandcenter.hub.execution import hub_executor_id
from commandcenter.kit.database import Database
from commandcenter.kit.draining import Draining
from commandcenter.logs.service import LogService
from commandcenter.projects.service import ProjectService
from commandcenter.runtimes.registry import create_runtime
from commandcenter.secrets.service import SecretService
from commandcenter.stacks.begin import StackBeginnings, StackOptions
from commandcenter.stacks.fork_records import ForkRecords
from commandcenter.stacks.forks import Forks
from commandcenter.stacks.logs import StackLogs
from commandcenter.stacks.service import StackManager
from commandcenter.stacks.status import StackStatuses

_log = structlog.get_logger(__name__)


async def add_stacks(assembly: Assembly) -> None:
    """The stacks of projects; those that ran when an earlier hub ended are found again."""
    settings, services = assembly.settings, assembly.services
    runtime = create_runtime(settings.runtime, settings.data_directory)
    assembly.on_close("stack_runtime", runtime.close)
    database, projects = services.get(Database), services.get(ProjectService)
    events = services.get(EventStore)
    options = StackOptions(
        owner=hub_executor_id(assembly),
        runtime_name=settings.runtime,
        data_directory=settings.data_directory.resolve(),
        ports=settings.stack_port_range,
    )
    beginnings = StackBeginnings(
        database, events, projects, services.get(SecretService), runtime, options
    )
    stacks = StackManager(database, events, projects, beginnings, services.get(Draining))
    services.add(stacks)
    projects.before_removal(stacks.forget)
    records = ForkRecords(database, events, projects, services.get(SecretService), beginnings)
    draining = services.get(Draining)
    forks = Forks(records, beginnings, stacks, projects, runtime, draining)
    services.add(forks)
    projects.before_removal(records.forget)
    services.add(StackStatuses(database, projects, beginnings, stacks, forks.progress))
    services.add(
        StackLogs(
            database,
            settings.data_directory / "logs",
            services.get(LogService),
            stacks,
        )
    )
    assembly.on_close("stacks", stacks.close)
    assembly.on_close("forks", forks.close)
    found = await stacks.take_over()
    await forks.take_over()
    if found:
        _log.info("stacks_found", stacks=found)
