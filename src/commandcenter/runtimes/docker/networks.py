"""One bridge of the engine's per network of services, with no way out of the machine."""

import asyncio
import hashlib
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from commandcenter.runner.errors import BadRequestError
from commandcenter.runner.service import NETWORK_NAME
from commandcenter.runtimes.docker import firewall
from commandcenter.runtimes.docker.containers import Containers
from commandcenter.runtimes.docker.engine import EngineError
from commandcenter.runtimes.docker.places import LABEL_NAME, Places
from commandcenter.runtimes.errors import RuntimeRefusedError, ServiceConflictError

# The engine's own pools have room for some thirty networks; these are small, and of our choice.
_RANGE = IPv4Network("10.64.0.0/10")
_PREFIX = 26
_TRIES = 64
_NO_WAY_OUT = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
_BRIDGE = "com.docker.network.bridge.name"


class Networks:
    def __init__(self, containers: Containers, places: Places) -> None:
        self._containers = containers
        self._engine = containers.engine
        self._places = places
        self._locks: dict[str, asyncio.Lock] = {}
        self._joining: set[tuple[str, str]] = set()  # network and service, while it starts

    @asynccontextmanager
    async def joining(
        self, network: str, service: str, check: Callable[[], object]
    ) -> AsyncIterator[str]:
        """Give the engine's name of the network for the start of a service, made if it is absent.

        Of two services with one name the second sees the first, of others many start at once.
        Nothing is made if `check` raises. Raises `ServiceConflictError`.
        """
        async with self._lock(network):
            await self._refuse_conflict(network, service)
            check()
            name = await self._open(network)
            self._joining.add((network, service))
        try:
            yield name
        finally:
            self._joining.discard((network, service))

    def _lock(self, network: str) -> asyncio.Lock:
        return self._locks.setdefault(network, asyncio.Lock())

    async def _open(self, network: str) -> str:
        await firewall.keep_inside()
        name = self._places.network(network)
        try:
            await self._engine.call("GET", f"networks/{name}")
        except EngineError as error:
            if not error.is_missing:
                raise
            await self._make(name, network)
        return name

    async def _refuse_conflict(self, network: str, name: str) -> None:
        if (network, name) in self._joining or await self._containers.running(
            network=network, name=name
        ):
            raise ServiceConflictError(
                f"A service {name} runs already in the network {network}.",
                hint="Stop it before another one takes its place.",
            )

    async def remove(self, network: str) -> None:
        """Idempotent. Raises `ServiceConflictError` while a service is in it."""
        if not NETWORK_NAME.fullmatch(network):
            raise BadRequestError(f"{network!r} is not the name of a network.")
        async with self._lock(network):
            there = {name for known, name in self._joining if known == network}
            for one in await self._containers.running(network=network):
                there.add(str(one["Labels"].get(LABEL_NAME)))
            if there:
                names = ", ".join(sorted(there))
                raise ServiceConflictError(
                    f"The network {network} still has the services {names}.",
                    hint="Stop them first.",
                )
            try:
                await self._engine.call("DELETE", f"networks/{self._places.network(network)}")
            except EngineError as error:
                if "active endpoints" in error.message:
                    raise ServiceConflictError(
                        f"The network {network} is in use by a container that is not ours.",
                        hint=f"Look: docker network inspect {self._places.network(network)}",
                    ) from error
                if not error.is_missing:
                    raise
        self._locks.pop(network, None)

    async def _make(self, name: str, network: str) -> None:
        body = {
            "Name": name,
            "CheckDuplicate": True,
            "Driver": "bridge",
            "EnableIPv6": False,
            "Options": {**_NO_WAY_OUT, _BRIDGE: _bridge(name)},
            "Labels": self._places.labels(network=network),
        }
        last = ""
        for subnet in _free_subnets(name):
            config = {**body, "IPAM": {"Driver": "default", "Config": [{"Subnet": str(subnet)}]}}
            try:
                await self._engine.call("POST", "networks/create", body=config)
            except EngineError as error:
                if error.is_conflict:  # somebody else has made it meanwhile
                    return
                if "overlap" not in error.message.lower() and "already" not in error.message:
                    raise RuntimeRefusedError(
                        f"The network {network} cannot be made: {error.message}."
                    ) from error
                last = error.message
            else:
                return
        raise RuntimeRefusedError(
            f"The network {network} cannot be made: no free addresses in {_RANGE} ({last}).",
            hint="Remove networks that are not needed: docker network prune",
        )

    async def names(self) -> list[str]:
        """Names in the engine of the networks of this data directory."""
        filters = json.dumps(self._places.with_labels())
        told = await self._engine.call("GET", "networks", params={"filters": filters})
        return [str(network["Name"]) for network in told or []]


def _bridge(name: str) -> str:
    """An interface has at most 15 characters."""
    return firewall.BRIDGE_PREFIX + hashlib.sha256(name.encode()).hexdigest()[:10]


def _free_subnets(name: str) -> list[IPv4Network]:
    """Some that this machine has no route to, beginning with one that follows from the name."""
    chosen = random.Random(name)  # noqa: S311 - only to be spread
    size = 2 ** (32 - _PREFIX)
    routes = _routes()
    found = []
    for _ in range(_TRIES):
        first = int(_RANGE.network_address) + chosen.randrange(_RANGE.num_addresses // size) * size
        subnet = IPv4Network((first, _PREFIX))
        if not any(subnet.overlaps(route) for route in routes):
            found.append(subnet)
    return found


def _routes() -> list[IPv4Network]:
    found = []
    with suppress(OSError):
        for line in Path("/proc/net/route").read_text().splitlines()[1:]:
            fields = line.split()
            with suppress(ValueError, IndexError):
                target, mask = (
                    int.from_bytes(bytes.fromhex(fields[index]), "little") for index in (1, 7)
                )
                if mask:
                    found.append(IPv4Network((target, str(IPv4Address(mask)))))
    return found
