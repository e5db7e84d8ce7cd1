"""What the engine on this machine can, and what is to be done where it cannot."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.capabilities import Capabilities, Feature
from commandcenter.runtimes.docker import firewall
from commandcenter.runtimes.docker.engine import (
    OLDEST_API,
    Engine,
    EngineError,
    Version,
    find_socket,
    socket_candidates,
)

_REACHES_MACHINE = (
    "Services can connect to what listens on all addresses of this machine (0.0.0.0): only a hub "
    "that runs as root can close that. Let such programs listen on 127.0.0.1."
)
_NO_SERVICES = (
    "Services are not run on Podman: their names would be looked up through the machine itself, "
    "which they are kept from. Jobs are. Use Docker or the sandbox for stacks."
)
_ENFORCED = {"cpu": "CpuCfsQuota", "memory": "MemoryLimit", "pids": "PidsLimit"}


async def probe() -> Capabilities:
    """Ask the engine; never raises. What is missing is told in `problems`."""
    try:
        version, info = await _ask()
    except ProblemError as error:
        return _capabilities((), f"{error.detail} {error.hint or ''}".strip())
    missing = [name for name, word in _ENFORCED.items() if info.get(word) is False]
    limits = tuple(name for name in _ENFORCED if name not in missing)
    if version.api < OLDEST_API:
        have, need = (".".join(map(str, number)) for number in (version.api, OLDEST_API))
        return _capabilities(
            limits,
            f"The container engine {version.engine} speaks version {have} of the API; {need} is "
            "needed. Install Docker 20.10 or Podman 4 or newer.",
        )
    if info.get("OSType", "linux") != "linux":
        return _capabilities(limits, "The container engine runs no Linux containers.")
    if missing:
        return _capabilities(
            limits,
            f"The container engine does not limit {', '.join(missing)} on this machine. Enable "
            "the cgroup controllers for it (for a rootless engine: delegate them to the user).",
        )
    if version.is_podman:
        return replace(_capabilities(limits, None, _NO_SERVICES), services=False)
    is_rootless = any("rootless" in str(option) for option in info.get("SecurityOptions") or [])
    remark = None if firewall.is_possible() or is_rootless else _REACHES_MACHINE
    return _capabilities(limits, None, remark)


async def _ask() -> tuple[Version, dict[str, Any]]:
    socket = find_socket()
    _check_socket(socket)
    engine = Engine(socket)
    try:
        version = await engine.version()
        return version, dict(await engine.call("GET", "info", seconds=30.0))
    except EngineError as error:
        raise ProblemError(f"The container engine at {socket} says: {error.message}.") from error
    finally:
        await engine.close()


def _check_socket(socket: Path) -> None:
    if not socket.exists():
        places = ", ".join(map(str, socket_candidates()))
        raise ProblemError(
            f"There is no container engine on this machine: looked for {places}.",
            hint="Install Docker (Debian: apt install docker.io) or let Podman listen "
            "(systemctl --user enable --now podman.socket), or name its socket in DOCKER_HOST.",
        )
    if not os.access(socket, os.R_OK | os.W_OK):
        raise ProblemError(
            f"This user may not speak with the container engine at {socket}.",
            hint="Use a rootless engine of this user's own, or become a member of the group that "
            f"owns {socket} (which gives root's rights), and log in again.",
        )


def _capabilities(
    limits: tuple[str, ...], problem: str | None, remark: str | None = None
) -> Capabilities:
    """A problem keeps the runtime from being used; a remark says what is less than it could be."""
    return Capabilities(
        name="docker",
        available=problem is None,
        isolation="full",
        limits=frozenset(limits),
        watched_limits=frozenset({"disk"}),
        network_off=True,
        network_allow_list=False,
        services=True,
        live_workspace=True,
        warm_pool=False,
        features=frozenset(Feature),
        problems=tuple(text for text in (problem, remark) if text is not None),
    )
