"""The relay's loop, in a process of its own, between real sockets of this machine."""

import contextlib
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from commandcenter.runner import relay as relay_module
from commandcenter.runner.relay import CONNECTED, Relay

_SECONDS = 20.0


@dataclass
class Relayed:
    """A relay from `port` to a listener of the test's own."""

    port: int
    listener: socket.socket
    control: socket.socket
    pid: int
    clients: list[socket.socket] = field(default_factory=list)

    def client(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), _SECONDS)
        client.settimeout(_SECONDS)
        self.clients.append(client)
        return client

    def service(self) -> socket.socket:
        service, _ = self.listener.accept()
        service.settimeout(_SECONDS)
        self.clients.append(service)
        return service

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))


@pytest.fixture
def make() -> Iterator[Callable[..., Relayed]]:
    made: list[Relayed] = []

    def build(most: int = 100, *, gate: bool = False) -> Relayed:
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        listener.settimeout(_SECONDS)
        front = socket.create_server(("127.0.0.1", 0), backlog=256)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            for opened in (ours, listener, front):
                opened.close()
            relay_module._MAX_PAIRS = most
            with contextlib.suppress(BaseException):
                Relay(theirs).run()
            os._exit(0)
        theirs.close()
        host, port = listener.getsockname()
        target = "" if gate else host
        message = f'{{"number": 1, "host": "{target}", "port": {port}}}'.encode()
        socket.send_fds(ours, [message], [front.fileno()])
        relayed = Relayed(front.getsockname()[1], listener, ours, pid)
        front.close()
        made.append(relayed)
        return relayed

    yield build
    for relayed in made:
        os.kill(relayed.pid, signal.SIGKILL)
        os.waitpid(relayed.pid, 0)
        for opened in (*relayed.clients, relayed.listener, relayed.control):
            opened.close()


def read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def test_each_direction_ends_by_itself(make: Callable[..., Relayed]) -> None:
    relayed = make()
    client, service = relayed.client(), relayed.service()
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    assert read_all(service) == b"question"
    service.sendall(b"first part, ")
    assert client.recv(100) == b"first part, "
    service.sendall(b"second")
    service.close()
    assert read_all(client) == b"second"


def test_both_ways_at_once_and_nothing_is_lost(make: Callable[..., Relayed]) -> None:
    relayed = make()
    client, service = relayed.client(), relayed.service()
    data = os.urandom(1 << 20) * 24
    got: dict[str, bytes] = {}

    def send(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    def receive(name: str, connection: socket.socket) -> None:
        got[name] = read_all(connection)

    threads = [
        threading.Thread(target=work, args=arguments)
        for work, arguments in (
            (send, (client,)),
            (send, (service,)),
            (receive, ("client", client)),
            (receive, ("service", service)),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_SECONDS)
    assert got == {"client": data, "service": data}


def test_a_receiver_that_stands_still_stops_its_sender_and_nobody_else(
    make: Callable[..., Relayed],
) -> None:
    relayed = make()
    slow, service = relayed.client(), relayed.service()
    service.settimeout(0.5)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 1 << 30:
            sent += service.send(bytes(1 << 20))
    assert sent < 1 << 26  # what the kernel's buffers hold, and one of the relay's
    quick, other = relayed.client(), relayed.service()
    quick.sendall(b"ping")
    assert other.recv(10) == b"ping"
    service.close()
    assert len(read_all(slow)) == sent


def test_a_broken_connection_is_told_as_broken(make: Callable[..., Relayed]) -> None:
    relayed = make()
    client, service = relayed.client(), relayed.service()
    service.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    service.close()
    with pytest.raises(ConnectionResetError):
        client.recv(10)


def test_a_service_that_does_not_listen_ends_the_connection(make: Callable[..., Relayed]) -> None:
    relayed = make()
    relayed.listener.close()
    with pytest.raises(ConnectionResetError):
        read_all(relayed.client())


def test_more_than_it_can_serve_wait_their_turn(make: Callable[..., Relayed]) -> None:
    relayed = make(most=4)
    before = relayed.descriptors()
    clients = [relayed.client() for _ in range(12)]
    for client in clients:
        client.sendall(b"x")
    served = 0
    while served < len(clients):
        # The order of the services is that of the clients: each end lets the next one come.
        service = relayed.service()
        assert service.recv(1) == b"x"
        assert relayed.descriptors() < before + 12  # two each, its own four
        service.close()
        assert clients[served].recv(1) == b""
        clients[served].close()
        served += 1


def test_a_withdrawn_port_ends_its_connections(make: Callable[..., Relayed]) -> None:
    relayed = make()
    client, service = relayed.client(), relayed.service()
    client.sendall(b"x")
    assert service.recv(1) == b"x"
    before = relayed.descriptors()
    relayed.control.send(b'{"number": 1}')
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionResetError):
        service.recv(1)
    with pytest.raises(ConnectionRefusedError):
        relayed.client()
    deadline = time.monotonic() + _SECONDS
    while (now := relayed.descriptors()) != before - 3:  # the pair and the listener
        assert time.monotonic() < deadline, now


def test_at_the_gate_each_caller_says_where_to(make: Callable[..., Relayed]) -> None:
    relayed = make(most=8, gate=True)
    where = socket.inet_aton("127.0.0.1") + relayed.listener.getsockname()[1].to_bytes(2, "big")
    silent = [relayed.client() for _ in range(3)]
    for left in silent[:2]:
        left.close()
    client = relayed.client()
    for part in (where[:1], where[1:5], where[5:] + b"hello"):
        client.sendall(part)
    service = relayed.service()
    assert client.recv(1) == CONNECTED
    assert service.recv(5) == b"hello"
    service.sendall(b"answer")
    service.close()
    assert read_all(client) == b"answer"
    relayed.listener.close()
    refused = relayed.client()
    refused.sendall(where)
    with pytest.raises(ConnectionResetError):
        read_all(refused)
