"""The loop that carries connections from ports of the host to services of a private network.

It runs in a process of its own at the project's switch. The listening sockets come from the runner,
which made them in the host's namespace; what is accepted from them is connected to the service's
address. One thread and one buffer serve all connections: a direction whose receiver is slow keeps
at most one buffer's rest and is not read until that is gone.
"""

import errno
import json
import resource
import select
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field

_BUFFER_BYTES = 256 * 1024
_MAX_PAIRS = 2048
_MAX_MESSAGE_BYTES = 4096
_SPARE_DESCRIPTORS = 64
_ACCEPTS_AT_ONCE = 64
CONNECTED = b"+"  # what a caller at the gate hears when its service has accepted
_CALL = struct.Struct("!4sH")
_RESET = struct.pack("ii", 1, 0)
_IN, _OUT, _ERR, _HUP = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR, select.EPOLLHUP


@dataclass(eq=False, slots=True)
class _End:
    """One socket of a pair, with what waits to be sent into it."""

    socket: socket.socket
    descriptor: int
    pair: "_Pair"
    waiting: bytes = b""
    ended: bool = False  # it will send no more
    shut: bool = False  # it was told that no more will come
    connecting: bool = False
    mask: int = 0

    @property
    def other(self) -> "_End":
        return self.pair.service if self is self.pair.client else self.pair.client


@dataclass(eq=False, slots=True)
class _Pair:
    port: "_Port"
    client: _End = field(init=False)
    service: _End = field(init=False)


@dataclass(eq=False, slots=True)
class _Port:
    listener: socket.socket
    target: tuple[str, int] | None  # None: the gate, where each caller says it first
    pairs: set[_Pair] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class _Caller:
    """A connection through the gate whose target is not yet known."""

    socket: socket.socket
    gate: _Port
    said: bytes = b""


class Relay:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._poll = select.epoll()
        self._poll.register(control.fileno(), _IN)
        self._ports: dict[int, _Port] = {}
        self._listeners: dict[int, _Port] = {}
        self._callers: dict[int, _Caller] = {}
        self._ends: dict[int, _End] = {}
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._most = min(_MAX_PAIRS, (files - _SPARE_DESCRIPTORS) // 2)
        self._pairs = 0
        self._accepting = True
        self._dropped: list[socket.socket] = []

    def run(self) -> None:
        """Serve until the runner is gone."""
        control = self._control.fileno()
        while True:
            for fd, events in self._poll.poll():
                if fd == control:
                    if not self._obey():
                        return
                elif end := self._ends.get(fd):
                    self._serve(end, events)
                elif port := self._listeners.get(fd):
                    self._accept(port)
                elif caller := self._callers.get(fd):
                    self._hear(caller)
            # Not before the batch is through, in which the number of a closed one could come again.
            for member in self._dropped:
                member.close()
            self._dropped.clear()

    def _obey(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._control, _MAX_MESSAGE_BYTES, 4)
        if not data:
            return False
        message = json.loads(data)
        if not fds:
            self._close_port(message["number"])
            return True
        listener = socket.socket(fileno=fds[0])
        listener.setblocking(False)
        target = (message["host"], message["port"]) if message["host"] else None
        port = _Port(listener, target)
        self._ports[message["number"]] = port
        self._listeners[listener.fileno()] = port
        if self._accepting:
            self._poll.register(listener.fileno(), _IN)
        return True

    def _close_port(self, number: int) -> None:
        port = self._ports.pop(number, None)
        if port is None:
            return
        if self._accepting:
            self._poll.unregister(port.listener.fileno())
        del self._listeners[port.listener.fileno()]
        port.listener.close()
        for pair in list(port.pairs):
            self._drop(pair)

    def _accept(self, port: _Port) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            if self._pairs + len(self._callers) >= self._most:
                self._accept_more(wanted=False)
                return
            try:
                client, _ = port.listener.accept()
            except OSError:  # nobody waits, or went away already
                return
            client.setblocking(False)
            if port.target is None:
                self._callers[client.fileno()] = _Caller(client, port)
                self._poll.register(client.fileno(), _IN)
            else:
                self._connect(port, client, port.target)

    def _accept_more(self, *, wanted: bool) -> None:
        """Let connections wait in the kernel's queue while there are as many as can be served."""
        if wanted != self._accepting:
            self._accepting = wanted
            for fd in self._listeners:
                if wanted:
                    self._poll.register(fd, _IN)
                else:
                    self._poll.unregister(fd)

    def _hear(self, caller: _Caller) -> None:
        """Take the address and port (6 bytes) that a caller at the gate wants."""
        fd = caller.socket.fileno()
        try:
            part = caller.socket.recv(_CALL.size - len(caller.said))
        except BlockingIOError:
            return
        except OSError:
            part = b""
        caller.said += part
        if part and len(caller.said) < _CALL.size:
            return
        self._poll.unregister(fd)
        del self._callers[fd]
        if not part:
            self._dropped.append(caller.socket)
            self._accept_more(wanted=True)
            return
        address, port = _CALL.unpack(caller.said)
        self._connect(caller.gate, caller.socket, (socket.inet_ntoa(address), port))

    def _connect(self, port: _Port, client: socket.socket, target: tuple[str, int]) -> None:
        service = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        pair = _Pair(port)
        for member in (client, service):
            if member.family == socket.AF_INET:
                member.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair.client = _End(client, client.fileno(), pair)
        pair.service = _End(service, service.fileno(), pair, connecting=True)
        port.pairs.add(pair)
        self._pairs += 1
        for end in (pair.client, pair.service):
            self._ends[end.descriptor] = end
        if service.connect_ex(target) not in (0, errno.EINPROGRESS):
            self._drop(pair)
            return
        self._watch(pair.service)

    def _serve(self, end: _End, events: int) -> None:
        pair = end.pair
        try:
            if events & _ERR:
                self._drop(pair)
                return
            if events & _OUT:
                self._send_waiting(end)
            if events & (_IN | _HUP) and not end.connecting and not end.ended:
                self._carry(end)
        except OSError:
            self._drop(pair)

    def _send_waiting(self, end: _End) -> None:
        if end.connecting and end.pair.port.target is None:
            end.other.socket.send(CONNECTED)
        end.connecting = False
        if end.waiting:
            try:
                sent = end.socket.send(end.waiting)
            except BlockingIOError:
                return
            end.waiting = end.waiting[sent:]
        if not end.waiting and end.other.ended:
            self._shut(end)
        else:
            self._watch(end)
            self._watch(end.other)

    def _carry(self, end: _End) -> None:
        """Read once from this end and send it on."""
        other = end.other
        if other.waiting:
            return
        try:
            size = end.socket.recv_into(self._buffer)
        except BlockingIOError:
            return
        if not size:
            end.ended = True
            self._shut(other)
            return
        try:
            sent = other.socket.send(self._view[:size])
        except BlockingIOError:
            sent = 0
        if sent < size:
            other.waiting = bytes(self._view[sent:size])
            self._watch(end)
            self._watch(other)

    def _shut(self, end: _End) -> None:
        """Pass an end of file on; with both directions at their end the pair is done."""
        if not end.waiting and not end.shut:
            end.socket.shutdown(socket.SHUT_WR)
            end.shut = True
        if end.shut and end.other.shut:
            self._drop(end.pair, reset=False)
            return
        self._watch(end)
        self._watch(end.other)

    def _watch(self, end: _End) -> None:
        """Ask for exactly what can be acted upon; an idle end is not polled at all."""
        other = end.other
        mask = 0
        if end.connecting or end.waiting:
            mask |= _OUT
        if not (end.connecting or other.connecting or end.ended or other.waiting):
            mask |= _IN
        if mask == end.mask:
            return
        if not end.mask:
            self._poll.register(end.descriptor, mask)
        elif mask:
            self._poll.modify(end.descriptor, mask)
        else:
            self._poll.unregister(end.descriptor)
        end.mask = mask

    def _drop(self, pair: _Pair, *, reset: bool = True) -> None:
        """Close both; a connection that did not end in order is told so by a reset."""
        if pair not in pair.port.pairs:
            return
        pair.port.pairs.discard(pair)
        self._pairs -= 1
        for end in (pair.client, pair.service):
            del self._ends[end.descriptor]
            if end.mask:
                self._poll.unregister(end.descriptor)
                end.mask = 0
            if reset:
                with suppress(OSError):
                    end.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._dropped.append(end.socket)
        self._accept_more(wanted=True)
