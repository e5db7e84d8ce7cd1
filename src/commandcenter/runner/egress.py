"""The runner's side of the egress proxy: one unprivileged process serves all its sandboxes.

The process is forked when the first sandbox with an allow-list starts, gives up the runner's
identity and descriptors, and ends with the runner. It gets each sandbox's listening socket with
the allow-list, and sends back what it refused, for the attempt's log.
"""

import asyncio
import concurrent.futures.thread  # noqa: F401 - loaded here: the proxy cannot read our files any more
import encodings.idna  # noqa: F401 - the same
import json
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

from commandcenter.runner import egress_proxy, kernel
from commandcenter.runner.descriptors import readable, reap
from commandcenter.runner.egress_policy import EgressPolicy
from commandcenter.runner.own_log import note
from commandcenter.runner.spawn import Identity

_MAX_MESSAGE_BYTES = 128 * 1024
_MAX_NOTES = 50  # lines about refusals in one attempt's log


class Egress:
    """Hands listening sockets over to the proxy process."""

    def __init__(self, identity: Identity | None) -> None:
        self._identity = identity
        self._channel: socket.socket | None = None
        self._pid = 0
        self._numbers = 0
        self._says: dict[int, Callable[[str], None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def attach(
        self, channel: socket.socket, allow: tuple[str, ...], say: Callable[[str], None]
    ) -> int:
        """Take the listening socket that the sandbox's first program sends; serve it.

        Returns a number for `detach`; 0 if the sandbox ended before it sent the socket.
        """
        await readable(channel.fileno())
        try:
            _, fds, _, _ = socket.recv_fds(channel, 1, 4)
        except OSError:
            fds = []
        if not fds:
            return 0
        self._numbers += 1
        number = self._numbers
        self._says[number] = say
        message = json.dumps({"number": number, "allow": allow}).encode()
        try:
            socket.send_fds(self._proxy(), [message], fds[:1])
        except OSError as error:
            say(f"network: the proxy cannot be reached, {error}")
        finally:
            for fd in fds:
                os.close(fd)
        return number

    def detach(self, number: int) -> None:
        """Stop serving a sandbox that has ended."""
        if self._says.pop(number, None) is not None and self._channel is not None:
            with suppress(OSError):
                self._channel.send(json.dumps({"number": number}).encode())

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        if self._channel is not None:
            self._channel.close()
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
            self._channel = None

    def _proxy(self) -> socket.socket:
        if self._channel is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            for end in (ours, theirs):
                end.setblocking(False)  # neither process ever waits for the other
            self._pid = os.fork()
            if self._pid == 0:
                _become_proxy(theirs, self._identity)
            theirs.close()
            self._channel = ours
            self._reading = asyncio.create_task(self._read(ours))
        return self._channel

    async def _read(self, channel: socket.socket) -> None:
        left: dict[int, int] = {}
        while True:
            await readable(channel.fileno())
            data = channel.recv(_MAX_MESSAGE_BYTES)
            if not data:
                # It died: what still listens gets no answer, the next sandbox gets a new one.
                with suppress(ChildProcessError):
                    reap(self._pid)
                channel.close()
                self._channel = None
                return
            note = json.loads(data)
            say = self._says.get(note["number"])
            left[note["number"]] = left.get(note["number"], _MAX_NOTES) - 1
            if say is not None and left[note["number"]] >= 0:
                say(note["text"])


def _become_proxy(channel: socket.socket, identity: Identity | None) -> None:
    """In the forked child: give everything up and serve; never returns."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        kept = channel.fileno()
        os.closerange(3, kept)
        os.closerange(kept + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        if identity is not None:
            os.setgroups([])
            os.setresgid(identity.gid, identity.gid, identity.gid)
            os.setresuid(identity.uid, identity.uid, identity.uid)
        kernel.forbid_new_privileges()
        kernel.die_with_parent()
        kernel.set_process_name("cc-egress")
        asyncio.run(_serve(channel))
    except BaseException as error:  # noqa: BLE001 - nothing may return into the runner's code
        note(f"the egress proxy ended: {error!r}")
    finally:
        os._exit(1)


async def _serve(channel: socket.socket) -> None:
    servers: dict[int, asyncio.Server] = {}
    while True:
        await readable(channel.fileno())
        data, fds, _, _ = socket.recv_fds(channel, _MAX_MESSAGE_BYTES, 4)
        if not data:
            return
        message = json.loads(data)
        number = message["number"]
        if not fds:
            if server := servers.pop(number, None):
                server.close()
            continue
        listener = socket.socket(fileno=fds[0])
        if (listener.family, listener.type) != (socket.AF_INET, socket.SOCK_STREAM):
            listener.close()
            continue

        def say(text: str, number: int = number) -> None:
            with suppress(OSError):
                channel.send(json.dumps({"number": number, "text": text[:1000]}).encode())

        listener.setblocking(False)
        proxy = egress_proxy.EgressProxy(EgressPolicy.parse(message["allow"]), say)
        servers[number] = await egress_proxy.serve(listener, proxy)
