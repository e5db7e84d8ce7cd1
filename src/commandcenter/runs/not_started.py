"""An attempt that the disk had no room to start: it never was, and is tried again by and by."""

from datetime import datetime

from sqlalchemy import delete

from commandcenter.events.types import EventType
from commandcenter.kit.database import Transaction
from commandcenter.models import Attempt
from commandcenter.runs.recorder import RunRecorder
from commandcenter.runs.states import AttemptFailure

_FIRST_DELAY_SECONDS = 1.0
_LAST_DELAY_SECONDS = 30.0


class AttemptNotStartedError(Exception):
    """Nothing of the attempt has happened, so that it may be started whatever its agent is."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def not_started_delay(tries: int) -> float:
    """Return the seconds until the next try after so many in a row."""
    return min(_FIRST_DELAY_SECONDS * 2.0 ** min(tries - 1, 10), _LAST_DELAY_SECONDS)


async def record_not_started(
    recorder: RunRecorder,
    *,
    node: str,
    number: int,
    attempt_id: str,
    message: str,
    retry_at: datetime,
) -> None:
    """Take the attempt back, number and all: it counts neither as failed nor as lost."""
    data = {
        "reason": AttemptFailure.NOT_STARTED.value,
        "message": message,
        "retry_at": retry_at.isoformat(),
        "next_number": number,
    }

    def work(transaction: Transaction) -> None:
        transaction.connection.execute(delete(Attempt).where(Attempt.id == attempt_id))
        recorder.set_step(
            transaction, node, attempt_count=number - 1, retry_at=retry_at, message=message
        )
        recorder.append(transaction, EventType.STEP_RETRYING, node, data)

    await recorder.transact(work)
