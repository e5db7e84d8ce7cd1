"""The only importer of concrete runtimes."""

from collections.abc import Callable
from pathlib import Path

from commandcenter.kit.errors import NotFoundError
from commandcenter.runtimes.base import Runtime
from commandcenter.runtimes.docker.runtime import DockerRuntime
from commandcenter.runtimes.fake.runtime import FakeRuntime
from commandcenter.runtimes.sandbox.runtime import SandboxRuntime

_FACTORIES: dict[str, Callable[[Path], Runtime]] = {
    "sandbox": SandboxRuntime,
    "docker": DockerRuntime,
    "fake": FakeRuntime,
}


class UnknownRuntimeError(NotFoundError):
    code = "unknown_runtime"
    title = "There is no such runtime"


def runtime_names() -> tuple[str, ...]:
    return tuple(sorted(_FACTORIES))


def choosable_names() -> tuple[str, ...]:
    """Return those for people: the fake one is for tests."""
    return tuple(name for name in runtime_names() if name != "fake")


def create_runtime(name: str, data_directory: Path) -> Runtime:
    """A runtime that keeps its attempts under the data directory; nothing is started yet."""
    try:
        factory = _FACTORIES[name]
    except KeyError:
        raise UnknownRuntimeError(
            f"There is no runtime {name!r}.", hint=f"There are: {', '.join(choosable_names())}."
        ) from None
    return factory(data_directory)
