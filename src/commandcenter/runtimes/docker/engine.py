"""The connection to a container engine: its socket, its calls, and its errors in our words.

Docker's engine and Podman's compatible service answer the same calls. They are made through
aiodocker's session, by path: what is asked and answered stays what the engine's documentation says.
"""

import asyncio
import json
import os
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiodocker import Docker
from aiodocker.exceptions import DockerError

from commandcenter.runtimes.errors import RuntimeAwayError, RuntimeRefusedError

OLDEST_API = (1, 41)
_CALL_SECONDS = 120.0  # a busy engine takes its time; a hanging one must not hold us for ever
_CONNECT_SECONDS = 10.0
_CLASSIC_BUILDER = "1"  # Docker 20.10 does not name one and has both
_UNIX = "unix://"
_CANNOT_CONNECT = 900  # aiodocker's own number
_GATEWAY_ERRORS = (502, 503, 504)
_AWAY = ("no such host", "connection refused", "i/o timeout", "network is unreachable",
         "tls handshake timeout", "server misbehaving", "context deadline exceeded",
         "temporary failure in name resolution", "no route to host", "eof", "toomanyrequests",
         "connection reset", "503", "502")  # fmt: skip


class EngineError(Exception):
    """The engine's refusal: an HTTP status and its words. Never leaves this package."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message.strip()

    @property
    def is_missing(self) -> bool:
        return self.status == 404  # noqa: PLR2004 - HTTP's

    @property
    def is_conflict(self) -> bool:
        return self.status == 409  # noqa: PLR2004 - HTTP's


@dataclass(frozen=True, slots=True)
class Version:
    engine: str
    api: tuple[int, ...]
    oldest_api: tuple[int, ...]
    is_podman: bool


def socket_candidates() -> list[Path]:
    """Where an engine may listen, the first that is there is taken. Raises RuntimeRefusedError."""
    named = os.environ.get("DOCKER_HOST")
    if named:
        if not named.startswith(_UNIX):
            raise RuntimeRefusedError(
                f"DOCKER_HOST is {named}; only an engine on this machine's own socket can be used.",
                hint="Set it to unix:///path/of/the/socket, or take it away.",
            )
        return [Path(named.removeprefix(_UNIX))]
    found = [Path("/var/run/docker.sock")]
    home = os.environ.get("XDG_RUNTIME_DIR")
    if home:
        found.append(Path(home) / "podman" / "podman.sock")
    found.append(Path("/run/podman/podman.sock"))
    return found


def find_socket() -> Path:
    """Return the engine's socket, or the first place where it should be."""
    candidates = socket_candidates()
    return next((path for path in candidates if path.is_socket()), candidates[0])


class Engine:
    """Calls to one engine. Raises `RuntimeAwayError` from every call while it is away."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._docker: Docker | None = None
        self._connector: aiohttp.BaseConnector | None = None
        self._version: Version | None = None
        self._opening = asyncio.Lock()

    async def version(self) -> Version:
        """Ask once; raises `RuntimeAwayError`."""
        await self._open()
        if self._version is None:
            raise self._away("it said no version")
        return self._version

    async def builds_by_buildkit(self) -> bool:
        """Whether BuildKit takes builds: since Docker 18.09, unless it was switched off there."""
        if (await self.version()).is_podman:
            return False
        async with self.stream("GET", "_ping", seconds=_CONNECT_SECONDS) as answer:
            return answer.headers.get("Builder-Version") != _CLASSIC_BUILDER

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        seconds: float = _CALL_SECONDS,
    ) -> Any:
        """Make one call and return what its JSON says. Raises `EngineError`."""
        data = None if body is None else json.dumps(body).encode()
        async with self.stream(method, path, params=params, data=data, seconds=seconds) as answer:
            text = await answer.read()
        return json.loads(text) if text.strip() else None

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Make a call whose answer is read piece by piece, for as long as it lasts or `seconds`.

        What breaks while it is read is an engine that went away, too.
        """
        docker = await self._open()
        limit = aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS)
        told = {name: _param(value) for name, value in (params or {}).items()}
        try:
            async with docker._query(  # noqa: SLF001 - the way to calls that aiodocker has not
                path, method, params=told, data=data, headers=headers or {}, timeout=limit
            ) as answer:
                try:
                    yield answer
                finally:
                    answer.close()
        except DockerError as error:
            if error.status == _CANNOT_CONNECT or error.status in _GATEWAY_ERRORS:
                raise self._away(str(error.message)) from error
            raise EngineError(error.status, str(error.message)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._away(str(error) or "it does not answer in time") from error

    async def close(self) -> None:
        if self._docker is not None:
            await self._docker.close()
            self._docker = None
        if self._connector is not None:
            await self._connector.close()
            self._connector = None

    async def _open(self) -> Docker:
        async with self._opening:
            if self._docker is not None and self._version is not None:
                return self._docker
            if self._docker is None:
                # Each attempt that runs holds a connection for its log and one for its end.
                self._connector = aiohttp.UnixConnector(str(self.socket), limit=0)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)
                    self._docker = Docker(
                        f"{_UNIX}localhost",  # the connector knows the socket
                        connector=self._connector,
                        api_version="v{}.{}".format(*OLDEST_API),
                        timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS),
                    )
            self._version = await self._negotiate(self._docker)
            return self._docker

    async def _negotiate(self, docker: Docker) -> Version:
        """Speak the oldest version that both know, so that answers mean the same everywhere."""
        limit = aiohttp.ClientTimeout(total=_CONNECT_SECONDS)
        try:
            async with docker._query(  # noqa: SLF001 - aiodocker asks for the newest version only
                "version", versioned_api=False, timeout=limit
            ) as answer:
                told = await answer.json(content_type=None)
        except DockerError as error:
            raise self._away(str(error.message)) from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._away(str(error) or "it does not answer in time") from error
        names = [str(part.get("Name", "")) for part in told.get("Components") or []]
        version = Version(
            engine=str(told.get("Version", "")),
            api=_numbers(told.get("ApiVersion")),
            oldest_api=_numbers(told.get("MinAPIVersion")),
            is_podman=any("podman" in name.lower() for name in names),
        )
        spoken = max(OLDEST_API, version.oldest_api)
        docker.api_version = "v{}.{}".format(*spoken[:2])
        return version

    def _away(self, why: str) -> RuntimeAwayError:
        return RuntimeAwayError(
            f"The container engine at {self.socket} does not answer: {why}.",
            hint="Start it (systemctl start docker); what runs is found again when it answers.",
        )


def sounds_away(words: str) -> bool:
    """Whether the engine's words are of a registry, or a network, that may answer later."""
    return any(part in words.lower() for part in _AWAY)


def _param(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return value if isinstance(value, str) else json.dumps(value)


def _numbers(text: object) -> tuple[int, ...]:
    parts = str(text or "").split(".")
    return tuple(int(part) for part in parts if part.isdigit()) or (0, 0)
