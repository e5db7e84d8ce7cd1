"""Telling a database that does not answer, or a full disk, from a mistake of ours."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from commandcenter.durable.engine import DurableUnavailableError
from commandcenter.kit.disk import disk_full


def is_outage(error: BaseException) -> bool:
    """Whether waiting and trying again is the answer: the database away or locked, a full disk."""
    known = OperationalError | InterfaceError | PoolTimeoutError | DurableUnavailableError
    if isinstance(error, known):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return disk_full(error) is not None
