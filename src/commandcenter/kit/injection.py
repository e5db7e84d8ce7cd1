"""How endpoints get at services: by type, from the application that serves the request."""

from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import HTTPConnection

T = TypeVar("T")


class Services:
    """The services of one application, one per type."""

    def __init__(self) -> None:
        self._by_type: dict[type[Any], Any] = {}

    def add(self, service: object) -> None:
        self._by_type[type(service)] = service

    def get(self, kind: type[T]) -> T:
        found: T = self._by_type[kind]
        return found


def provide(kind: type[T]) -> Callable[[HTTPConnection], T]:
    """Return a FastAPI dependency: `service: Annotated[X, Depends(provide(X))]`."""

    def dependency(connection: HTTPConnection) -> T:
        services: Services = connection.app.state.services
        return services.get(kind)

    return dependency
