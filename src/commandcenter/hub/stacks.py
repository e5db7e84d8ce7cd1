"""The part of a hub that looks after the stacks of projects."""

from functools import partial

import structlog

from commandcenter.events.bus import EventBus
from commandcenter.events.store import EventStore
from commandcenter.hub.assembly import Assembly
from commandcenter.hub.execution import hub_executor_id
from commandcenter.hub.health import HealthService
from commandcenter.hub.stack_numbers import StackNumbers, stacks_check
from commandcenter.kit.database import Database
from commandcenter.kit.draining import Draining
from commandcenter.logs.service import LogService
from commandcenter.observability.metrics import Metrics
from commandcenter.observability.stack_metrics import StackMetrics
from commandcenter.projects.service import ProjectService
from commandcenter.runtimes.opened import OpenedRuntimes
from commandcenter.runtimes.registry import create_runtime, runtime_names
from commandcenter.secrets.service import SecretService
from commandcenter.stacks.begin import StackBeginnings, StackOptions
from commandcenter.stacks.changes import StackChanges
from commandcenter.stacks.foretell import foretell
from commandcenter.stacks.fork_records import ForkRecords
from commandcenter.stacks.forks import Forks
from commandcenter.stacks.logs import StackLogs
from commandcenter.stacks.removal import StackRemoval
from commandcenter.stacks.reserve import reserve_ports
from commandcenter.stacks.runtime_choice import RuntimeChoice
from commandcenter.stacks.service import StackManager
from commandcenter.stacks.status import StackStatuses

_log = structlog.get_logger(__name__)


async def add_stacks(assembly: Assembly) -> None:
    """The stacks of projects; those that ran when an earlier hub ended are found again."""
    settings, services = assembly.settings, assembly.services
    runtimes = OpenedRuntimes(
        runtime_names(), lambda name: create_runtime(name, settings.data_directory)
    )
    assembly.on_close("stack_runtimes", runtimes.close)
    choice = RuntimeChoice(runtimes, settings.stack_runtime or settings.runtime)
    database, projects = services.get(Database), services.get(ProjectService)
    events = services.get(EventStore)
    metrics = StackMetrics(services.get(Metrics).registry)
    services.get(EventBus).on_event(metrics.observe)
    options = StackOptions(
        owner=hub_executor_id(assembly),
        data_directory=settings.data_directory.resolve(),
        ports=settings.stack_port_range,
        on_answer=lambda answer: metrics.probed(
            answer.protocol, answer.seconds, healthy=answer.healthy
        ),
    )
    beginnings = StackBeginnings(
        database, events, projects, services.get(SecretService), choice, options
    )
    stacks = StackManager(database, events, projects, beginnings, services.get(Draining))
    services.add(stacks)
    services.add(StackChanges(database, beginnings, stacks))
    services.add(StackNumbers(database, stacks, metrics))
    services.get(HealthService).add("stacks", stacks_check(database, stacks, options.owner))
    removal = StackRemoval(database, projects, services.get(SecretService), beginnings, stacks)
    services.add(removal)
    projects.before_removal(removal.forget)
    projects.on_addition(removal.kept, removal.take_up)
    projects.after_addition(partial(reserve_ports, database, beginnings))
    projects.on_advice(partial(foretell, beginnings))
    records = ForkRecords(database, events, projects, services.get(SecretService), beginnings)
    draining = services.get(Draining)
    forks = Forks(records, beginnings, stacks, projects, draining)
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
