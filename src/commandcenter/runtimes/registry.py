"""The only importer of concrete runtimes."""

import importlib
from collections.abc import Callable
from pathlib import Path

from commandcenter.kit.errors import NotFoundError
from commandcenter.runtimes.base import Runtime

# By name, because their libraries take a large part of a hub's start and most hubs use one.
_CLASSES = {
    "sandbox": ("commandcenter.runtimes.sandbox.runtime", "SandboxRuntime"),
    "docker": ("commandcenter.runtimes.docker.runtime", "DockerRuntime"),
    "fake": ("commandcenter.runtimes.fake.runtime", "FakeRuntime"),
}


class UnknownRuntimeError(NotFoundError):
    code = "unknown_runtime"
    title = "There is no such runtime"


def runtime_names() -> tuple[str, ...]:
    return tuple(sorted(_CLASSES))


def choosable_names() -> tuple[str, ...]:
    """Return those for people: the fake one is for tests."""
    return tuple(name for name in runtime_names() if name != "fake")


def create_runtime(name: str, data_directory: Path) -> Runtime:
    """A runtime that keeps its attempts under the data directory; nothing is started yet."""
    try:
        module, kind = _CLASSES[name]
    except KeyError:
        raise UnknownRuntimeError(
            f"There is no runtime {name!r}.", hint=f"There are: {', '.join(choosable_names())}."
        ) from None
    factory: Callable[[Path], Runtime] = getattr(importlib.import_module(module), kind)
    return factory(data_directory)
