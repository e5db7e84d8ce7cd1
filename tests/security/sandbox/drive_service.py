"""Run one group of probes in a sandboxed service (`python drive_service.py DATA AGENT GROUP WAY`).

WAY is `service`, for the service's own program, or `probe`, for a command run in it. Another
project's service is up meanwhile, published at a port of the host.
"""

import asyncio
import json
import os
import secrets
import sys
from pathlib import Path

from commandcenter.runtimes.base import Handle
from commandcenter.runtimes.sandbox.runtime import SandboxRuntime
from commandcenter.runtimes.spec import (
    AttemptKind,
    AttemptSpec,
    Limits,
    PublishedPort,
    ServiceSpec,
    Volume,
)
from tests.security.sandbox.drive import end_runner, free_port

_LISTEN = """
import socket
listener = socket.create_server(("0.0.0.0", 8000))
print("up", flush=True)
while True:
    listener.accept()[0].close()
"""
_PROBES = ("python", "/agent/probes.py")
# What a job has not, and a service has on purpose: a link to its own project's services.
EXPECTED = ("other interfaces than loopback",)


class Services:
    def __init__(self, data: Path, agent: Path, group: str) -> None:
        self._runtime = SandboxRuntime(data)
        self._data, self._agent, self._group = data, agent, group
        self._count = 0
        # Random: an attempt of that name that has ended would be found instead of started.
        self._prefix = f"service-{group}-{secrets.token_hex(8)}"

    async def probe(self, canaries: bytes, way: str) -> str:
        """The probes' results as JSON, or what the sandbox said instead."""
        port = free_port()
        try:
            # A first member, so that the victim's address is nobody's in the other network.
            padding = await self._start("victim", "padding", ("true",))
            await self._runtime.wait(padding)
            published = (PublishedPort(port, 8000),)
            victim = await self._start("victim", "victim", ("python", "-c", _LISTEN), published)
            await self._first_line(victim)
            told = json.loads(canaries) | {"private": _targets(port, json.loads(canaries)["port"])}
            volume = self._data / "volumes" / f"probes-{os.getpid()}" / f"{self._group}-{way}"
            volume.mkdir(parents=True)
            (volume / "input.json").write_text(json.dumps(told))
            volume.chmod(0o777)
            (volume / "input.json").chmod(0o644)
            return await self._attack(volume, way)
        finally:
            await self._end()

    async def _attack(self, volume: Path, way: str) -> str:
        if way == "service":
            attacker = await self._start(
                "attacker", "attacker", (*_PROBES, self._group), (), volume
            )
            await self._runtime.wait(attacker)
        else:
            waiting = "import sys, time; print(sys.executable, flush=True); time.sleep(60)"
            attacker = await self._start(
                "attacker", "attacker", ("python", "-c", waiting), (), volume
            )
            python = await self._first_line(attacker)
            await self._runtime.execute(
                attacker, (python, *_PROBES[1:], self._group), timeout_seconds=40.0
            )
        output = volume / "output.json"
        if not output.exists():
            lines = [line.text async for line in self._runtime.logs(attacker)]
            return json.dumps({"the probes ran": "BROKEN: " + "\n".join(lines)})
        found = json.loads(output.read_text())
        return json.dumps({name: said for name, said in found.items() if name not in EXPECTED})

    async def _start(
        self,
        network: str,
        name: str,
        command: tuple[str, ...],
        ports: tuple[PublishedPort, ...] = (),
        volume: Path | None = None,
    ) -> Handle:
        self._count += 1
        return await self._runtime.start(
            AttemptSpec(
                attempt_id=f"{self._prefix}-{self._count}",
                kind=AttemptKind.SERVICE,
                command=command,
                agent_directory=self._agent,
                input_json=b"",
                workspace=None,
                limits=Limits(memory_bytes=256 * 1024**2),
                timeout_seconds=60.0,
                environment={
                    "PROBES_INPUT": "/data/input.json",
                    "PROBES_OUTPUT": "/data/output.json",
                },
                service=ServiceSpec(
                    network=f"{network}-{self._group}",
                    names=(name,),
                    ports=ports,
                    volumes=(Volume(volume, "/data"),) if volume else (),
                ),
            )
        )

    async def _first_line(self, handle: Handle) -> str:
        async with asyncio.timeout(20):
            async for line in self._runtime.logs(handle, follow=True):
                return line.text
        return ""

    async def _end(self) -> None:
        for number in range(1, self._count + 1):
            handle = Handle("sandbox", f"{self._prefix}-{number}")
            await self._runtime.stop(handle, grace_seconds=0.0)
        await self._runtime.close()


def _targets(published: int, canary: int) -> list[tuple[str, str, int]]:
    """Other project's services and the host's own, by every address that could lead there."""
    found = [
        ("the other project's service", "10.77.0.3", 8000),
        ("the switch", "10.77.0.1", 8000),
    ]
    for address in ("127.0.0.1", "10.77.0.1", "10.77.255.255", "0.0.0.0"):  # noqa: S104
        found += [
            ("the other project's published port", address, published),
            ("the host's loopback", address, canary),
        ]
    return found


if __name__ == "__main__":
    place = Path(sys.argv[1])
    try:
        services = Services(place, Path(sys.argv[2]), sys.argv[3])
        sys.stdout.write(asyncio.run(services.probe(sys.stdin.buffer.read(), sys.argv[4])))
    finally:
        end_runner(place)
