"""One project's private network: its namespaces, and the process that relays host ports into it."""

import asyncio
import errno
import json
import os
import resource
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commandcenter.runner import kernel, network_namespaces
from commandcenter.runner.descriptors import readable, reap
from commandcenter.runner.errors import IsolationError, PortTakenError
from commandcenter.runner.network_namespaces import Namespaces
from commandcenter.runner.own_log import note
from commandcenter.runner.relay import Relay
from commandcenter.runner.spawn import Identity

_SETUP_SECONDS = 10.0
_BACKLOG = 512
_MAX_PROBLEM_BYTES = 1000


@dataclass(slots=True)
class _Published:
    listener: socket.socket
    number: int  # of the member in the network
    port: int


@dataclass(slots=True)
class Network:
    """Made by `open`, taken down by `close`; everything of it dies with the runner."""

    name: str
    identity: Identity | None
    seccomp: bytes
    namespaces: Namespaces | None = None
    gate: Path | None = None  # a Unix socket through which the hub reaches any member's ports
    _gate_listener: socket.socket | None = None
    _control: socket.socket | None = None
    _relay_pid: int = 0
    _published: dict[int, _Published] = field(default_factory=dict)
    _counter: int = 0
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    _watching: asyncio.Task[None] | None = None

    async def open(self) -> Namespaces:
        """Make the network, or find it made. Raises `IsolationError`."""
        async with self._opening:
            if self.namespaces is None:
                self.namespaces = await self._start_relay(None)
            return self.namespaces

    def _open_gate(self) -> None:
        """Listen at the gate, in whose directory nobody but the hub's user can look."""
        if self.gate is None or self._gate_listener is not None:
            return
        with suppress(FileNotFoundError):
            self.gate.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        # Through a descriptor, because a socket's path may have at most 107 bytes.
        directory = os.open(self.gate.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            listener.bind(f"/proc/self/fd/{directory}/{self.gate.name}")
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise IsolationError(f"A network's socket cannot be made: {error}.") from error
        finally:
            os.close(directory)
        self._gate_listener = listener

    def publish(self, host: str, host_port: int, number: int, port: int) -> int:
        """Open a port of the host for a member's port; a number for `withdraw`.

        Raises `PortTakenError`, at once, when the port cannot be had.
        """
        listener = _listen(host, host_port)
        self._counter += 1
        self._published[self._counter] = _Published(listener, number, port)
        self._hand_over(self._counter)
        return self._counter

    def withdraw(self, publication: int) -> None:
        """Close a port of the host; connections through it end. It can be had again at once."""
        published = self._published.pop(publication, None)
        if published is None:
            return
        with suppress(OSError):
            published.listener.shutdown(socket.SHUT_RDWR)  # whoever holds another descriptor of it
        published.listener.close()
        if self._control is not None:
            with suppress(OSError):
                self._control.send(json.dumps({"number": publication}).encode())

    def close(self) -> None:
        for publication in list(self._published):
            self.withdraw(publication)
        if self._watching is not None:
            self._watching.cancel()
        if self._control is not None:
            self._control.close()
            self._control = None
            _end(self._relay_pid)
        if self.namespaces is not None:
            self.namespaces.close()
            self.namespaces = None
        if self._gate_listener is not None and self.gate is not None:
            self._gate_listener.close()
            self._gate_listener = None
            with suppress(OSError):
                self.gate.unlink()

    def _hand_over(self, publication: int) -> None:
        if self._control is None:
            return  # the next relay gets it
        published = self._published[publication]
        target = str(network_namespaces.address(published.number))
        message = {"number": publication, "host": target, "port": published.port}
        with suppress(OSError):
            socket.send_fds(
                self._control, [json.dumps(message).encode()], [published.listener.fileno()]
            )

    async def _start_relay(self, existing: Namespaces | None) -> Namespaces:
        self._open_gate()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # the runner never waits for a relay
        pid = os.fork()
        if pid == 0:
            _become_relay(theirs, self.identity, existing, self.seccomp)
        theirs.close()
        try:
            made = await _hear_of(ours)
        except BaseException:
            ours.close()
            _end(pid)
            raise
        self._control = ours
        self._relay_pid = pid
        if self._gate_listener is not None:
            message = json.dumps({"number": 0, "host": "", "port": 0}).encode()
            socket.send_fds(ours, [message], [self._gate_listener.fileno()])
        for publication in self._published:
            self._hand_over(publication)
        self._watching = asyncio.create_task(self._watch(ours, pid))
        return existing or made

    async def _watch(self, control: socket.socket, pid: int) -> None:
        """Replace a relay that died; connections wait in the listening sockets until then."""
        await readable(control.fileno())
        with suppress(ChildProcessError):
            reap(pid)
        control.close()
        self._control = None
        note(f"the relay of network {self.name} died and is replaced")
        await self._start_relay(self.namespaces)


def _end(pid: int) -> None:
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


async def _hear_of(channel: socket.socket) -> Namespaces:
    """Wait for the relay to say that the network stands."""
    try:
        async with asyncio.timeout(_SETUP_SECONDS):
            await readable(channel.fileno())
        data, fds, _, _ = socket.recv_fds(channel, _MAX_PROBLEM_BYTES, 2)
        for fd in fds:  # or every program started from here would get them
            os.set_inheritable(fd, False)
    except OSError as error:  # TimeoutError is one
        raise IsolationError(f"A private network did not come up: {error!r}.") from error
    if data == b"ready":
        return Namespaces(*fds)
    problem: dict[str, Any] = {"number": 0, "text": "its process died"}
    if data:
        problem = json.loads(data)
    raise IsolationError(
        f"A private network cannot be made: {problem['text']}.",
        hint=network_namespaces.explain(problem["number"]),
    )


def _become_relay(
    control: socket.socket, identity: Identity | None, existing: Namespaces | None, seccomp: bytes
) -> None:
    """In the forked child: make or enter the network, give everything up, relay; never returns."""
    try:
        parent = os.getppid()
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        kept = sorted({control.fileno(), *((existing.user, existing.network) if existing else ())})
        first = 3
        for fd in (*kept, resource.getrlimit(resource.RLIMIT_NOFILE)[0]):
            os.closerange(first, fd)
            first = fd + 1
        network_namespaces.give_up_identity(identity)
        try:
            if existing is None:
                existing = network_namespaces.create()
            else:
                network_namespaces.enter(existing)
        except OSError as error:
            text = str(error.strerror or error)[:_MAX_PROBLEM_BYTES]
            control.send(json.dumps({"number": error.errno, "text": text}).encode())
            os._exit(1)
        kernel.die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        kernel.set_process_name("cc-network")
        socket.send_fds(control, [b"ready"], [existing.user, existing.network])
        existing.close()
        kernel.drop_capabilities()
        kernel.filter_system_calls(seccomp)
        Relay(control).run()
    except BaseException as error:  # noqa: BLE001 - nothing may return into the runner's code
        note(f"the relay of a network ended: {error!r}")
    finally:
        os._exit(1)


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _not_opened(host, port, error) from error
    return listener


def _not_opened(host: str, port: int, error: OSError) -> PortTakenError:
    fields = {"host": host, "port": port}
    if error.errno == errno.EADDRINUSE:
        return PortTakenError(
            f"Port {port} of {host} is taken by another program.",
            hint=f"Stop what listens there (`ss -ltnp sport = :{port}`) or choose another port.",
            fields=fields,
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortTakenError(
            f"Port {port} of {host} may not be opened by this user.",
            hint="Choose a port of 1024 or above.",
            fields=fields,
        )
    return PortTakenError(
        f"Port {port} of {host} cannot be opened: {error.strerror}.",
        hint="Use an address of this machine, such as 127.0.0.1.",
        fields=fields,
    )
