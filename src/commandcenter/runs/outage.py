"""Telling a database that does not answer from a mistake of ours."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


def is_outage(error: BaseException) -> bool:
    """Whether waiting and trying again is the answer: the database is away, locked or full."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeoutError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated
