"""What an image says of itself, and who its user is: looked up in its own files, nothing is run."""

import io
import signal
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from commandcenter.runtimes.docker.containers import Containers
from commandcenter.runtimes.docker.engine import EngineError
from commandcenter.runtimes.errors import ImageUnavailableError
from commandcenter.runtimes.images import ImageFacts, ImageHealth

_MAX_ACCOUNTS_BYTES = 4 * 1024**2
_MAX_LINKS = 8
_MAX_KNOWN = 32
_UID, _GID, _MEMBERS = 2, 3, 2


class ImageLooks:
    """Looks into images. What stands in one never changes: it is read once."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers
        self._known: dict[str, tuple[str, str]] = {}

    async def facts(self, told: dict[str, Any], *, with_users: bool = False) -> ImageFacts:
        """`told` is the engine's inspection of the image."""
        user = str((told.get("Config") or {}).get("User") or "")
        accounts = groups = ""
        if with_users or not _is_number(user):
            accounts, groups = await self._accounts(str(told["Id"]))
        return _facts(told, user, accounts, groups)

    async def _accounts(self, image: str) -> tuple[str, str]:
        if image not in self._known:
            found = await _accounts(self._containers, image)
            while len(self._known) >= _MAX_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[image] = found
        return self._known[image]


def _facts(told: dict[str, Any], user: str, accounts: str, groups: str) -> ImageFacts:
    config = told.get("Config") or {}
    uid, gid = resolve(user or "0:0", accounts, groups)
    return ImageFacts(
        reference=str(told["Id"]),
        uid=uid,
        gid=gid,
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        tcp_ports=_ports(config.get("ExposedPorts") or {}),
        volumes=tuple(sorted(config.get("Volumes") or {})),
        health=_health(config.get("Healthcheck")),
        stop_signal=_signal(config.get("StopSignal")),
        working_directory=str(config.get("WorkingDir") or "/"),
        users={name: (uid, gid) for name, (uid, gid) in _entries(accounts, _UID, _GID)},
        groups={name: gid for name, (gid,) in _entries(groups, _UID)},
    )


def _is_number(user: str) -> bool:
    """Whether nothing has to be looked up."""
    name, _, group = user.partition(":")
    return not name or (name.isdigit() and group.isdigit())


def _entries(text: str, *places: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the name of each line with the numbers at these places."""
    for line in text.splitlines():
        fields = line.split(":")
        numbers = [fields[place] for place in places if len(fields) > place]
        if len(numbers) == len(places) and all(number.isdigit() for number in numbers):
            yield fields[0], tuple(int(number) for number in numbers)


def _ports(exposed: dict[str, Any]) -> tuple[int, ...]:
    found = (port.partition("/") for port in exposed)
    return tuple(sorted(int(number) for number, _, kind in found if kind in ("", "tcp")))


def _health(told: dict[str, Any] | None) -> ImageHealth | None:
    test = list((told or {}).get("Test") or ())
    if told is None or not test:
        return None
    kind, command = test[0], tuple(test[1:])

    def seconds(name: str) -> float | None:
        value = told.get(name)
        return int(value) / 1e9 if value else None

    return ImageHealth(
        command=() if kind == "NONE" else command,
        is_shell=kind == "CMD-SHELL",
        interval_seconds=seconds("Interval"),
        timeout_seconds=seconds("Timeout"),
        retries=int(told["Retries"]) if told.get("Retries") else None,
        start_period_seconds=seconds("StartPeriod"),
    )


def _signal(text: object) -> str | None:
    """The signal's name, also where the image says a number."""
    name = str(text or "").upper()
    if name.isdigit():
        with suppress(ValueError):
            return signal.Signals(int(name)).name
        return None
    return name or None


async def _accounts(containers: Containers, image: str) -> tuple[str, str]:
    """Return the image's /etc/passwd and /etc/group."""
    body = {
        "Image": image,
        "Entrypoint": ["-"],
        "Cmd": [],
        "NetworkDisabled": True,
        "HostConfig": {"NetworkMode": "none"},
    }
    identifier = await containers.create_helper(body)
    try:
        accounts = await _file(containers, identifier, "/etc/passwd")
        groups = await _file(containers, identifier, "/etc/group")
    finally:
        await containers.remove(identifier)
    return accounts, groups


def resolve(user: str, accounts: str, groups: str) -> tuple[int, int]:
    """Return the numbers of an image's `USER`. Raises `ImageUnavailableError` of unknown names."""
    name, _, group = user.partition(":")
    uid, gid = _account(name, accounts)
    if group:
        found = group if group.isdigit() else _field(group, groups, _MEMBERS)
        if found is None:
            raise _unknown(user, group)
        gid = int(found)
    return uid, gid


def _account(name: str, accounts: str) -> tuple[int, int]:
    """A number that has no account has the group 0, as engines have it."""
    for line in accounts.splitlines():
        fields = line.split(":")
        if len(fields) > _GID and name in (fields[0], fields[_UID]):
            with suppress(ValueError):
                return int(fields[_UID]), int(fields[_GID])
    if name.isdigit():
        return int(name), 0
    raise _unknown(name, name)


def _field(name: str, text: str, index: int) -> str | None:
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) > index and fields[0] == name:
            return fields[index]
    return None


def _unknown(user: str, name: str) -> ImageUnavailableError:
    return ImageUnavailableError(
        f"The image is to run as {user}, but it has no {name} in its /etc/passwd or /etc/group.",
        is_passing=False,
        hint="Say the user as numbers: user: '1000:1000'",
    )


async def _file(containers: Containers, identifier: str, path: str) -> str:
    """A small file of a container that was never started; "" if there is none."""
    for _ in range(_MAX_LINKS):
        try:
            async with containers.engine.stream(
                "GET", f"containers/{identifier}/archive", params={"path": path}, seconds=60.0
            ) as answer:
                data = await answer.content.read(_MAX_ACCOUNTS_BYTES)
                data += await answer.content.read(_MAX_ACCOUNTS_BYTES)
        except EngineError as error:
            if error.is_missing:
                return ""
            raise
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            entry = tar.next()
            if entry is None:
                return ""
            if entry.issym():
                target = entry.linkname
                path = target if target.startswith("/") else f"/etc/{target}"
                continue
            file = tar.extractfile(entry) if entry.isreg() else None
            return file.read().decode("utf-8", "replace") if file else ""
    return ""
