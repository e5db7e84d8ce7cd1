"""What an execution finds of the one before it, told in the event `run.resumed`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import or_, select

from commandcenter.agents.manifest import OnLost
from commandcenter.engine.states import StepState
from commandcenter.events.types import EventType
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.errors import ProblemError
from commandcenter.models import Attempt, Event
from commandcenter.runs.loaded import LoadedRun
from commandcenter.runs.recorder import RunRecorder
from commandcenter.runs.states import AttemptFailure, AttemptState
from commandcenter.runtimes.base import Handle, Runtime

# A run that takes the hub down with it would otherwise do so for ever.
MAX_RESTARTS_IN_A_ROW = 25
_WINDOW = timedelta(hours=1)
_MOST_EVENTS = 200
_ATTEMPTS = ("adopted", "run_again", "lost")


@dataclass(frozen=True, slots=True)
class Stock:
    """Attempts by what becomes of them (ids), and the nodes that go on waiting."""

    adopted: tuple[str, ...]  # still run, or ended meanwhile with their result kept
    run_again: tuple[str, ...]  # gone or stopped with the hub; a further run does no harm
    lost: tuple[str, ...]  # gone, and not to be repeated: their steps fail
    waiting: tuple[str, ...]  # nodes that wait for an approval


async def take_stock(database: Database, runtimes: Mapping[str, Runtime], run: LoadedRun) -> Stock:
    """Ask the runtime about every attempt that was under way."""
    async with database.read() as session:
        attempts = list(
            await session.scalars(
                select(Attempt)
                .where(
                    Attempt.run_id == run.id,
                    or_(
                        Attempt.state == AttemptState.RUNNING.value,
                        Attempt.reason == AttemptFailure.INTERRUPTED.value,
                    ),
                )
                .order_by(Attempt.id)
            )
        )
    adopted: list[str] = []
    again: list[str] = []
    lost: list[str] = []
    for attempt in attempts:
        if attempt.state != AttemptState.RUNNING.value:
            step = run.steps[attempt.node]
            if attempt.number == step.attempt_count and not StepState(step.state).is_final:
                again.append(attempt.id)
        elif await _is_known(runtimes, attempt):
            adopted.append(attempt.id)
        elif attempt.is_check or run.agents[attempt.node].manifest.on_lost is OnLost.RETRY:
            again.append(attempt.id)
        else:
            lost.append(attempt.id)
    waiting = [name for name, step in run.steps.items() if step.state == StepState.WAITING.value]
    return Stock(tuple(adopted), tuple(again), tuple(lost), tuple(sorted(waiting)))


async def record_resumed(recorder: RunRecorder, epoch: int, executor_id: str, stock: Stock) -> None:
    data = {
        "epoch": epoch,
        "executor_id": executor_id,
        **{name: list(ids) for name, ids in asdict(stock).items()},
    }
    await recorder.transact(
        lambda transaction: recorder.append(
            transaction, EventType.RUN_RESUMED, recorder.run_id, data
        )
    )


async def restarts_in_a_row(database: Database, run_id: str) -> int:
    """Count how often the run was resumed of late with nothing recorded in between.

    Only restarts that found attempts under way: a run that waits for people brings nothing down.
    """
    async with database.read() as session:
        events = await session.execute(
            select(Event.type, Event.data)
            .where(Event.run_id == run_id, Event.at > utc_now() - _WINDOW)
            .order_by(Event.id.desc())
            .limit(_MOST_EVENTS)
        )
        count = 0
        for event_type, data in events:
            if event_type != EventType.RUN_RESUMED.value:
                break
            count += any(data.get(name) for name in _ATTEMPTS)
    return count


async def _is_known(runtimes: Mapping[str, Runtime], attempt: Attempt) -> bool:
    runtime = runtimes.get(attempt.runtime)
    if runtime is None:
        return False
    try:
        return await runtime.recover(Handle(runtime=attempt.runtime, attempt_id=attempt.id))
    except ProblemError:
        return False
