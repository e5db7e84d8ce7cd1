"""Which program of this machine has a port, as far as the kernel tells this hub's user."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from commandcenter.stacks.resources import Protocol

_PROC = Path("/proc")
_LISTENS, _BOUND = "0A", "07"  # states in /proc/net: of TCP, of UDP
_LOCAL_ADDRESS, _STATE, _INODE = 1, 3, 9  # columns there


def who_listens(port: int, protocol: Protocol) -> str:
    """Return `program (process 12)`; without the right to know, `another program`. Reads /proc."""
    wanted = {f"socket:[{inode}]" for inode in _sockets(port, protocol)}
    if wanted:
        for process in _PROC.glob("[0-9]*"):
            with suppress(OSError):  # it ended, or is somebody else's
                if any(str(each.readlink()) in wanted for each in (process / "fd").iterdir()):
                    name = (process / "comm").read_text(errors="replace").strip()
                    return f"{name} (process {process.name})"
    return "another program"


def _sockets(port: int, protocol: Protocol) -> Iterator[str]:
    is_tcp = protocol is Protocol.TCP
    for table in ("tcp", "tcp6") if is_tcp else ("udp", "udp6"):
        lines: list[str] = []
        with suppress(OSError):
            lines = (_PROC / "net" / table).read_text().splitlines()[1:]
        for line in lines:
            columns = line.split()
            at = int(columns[_LOCAL_ADDRESS].rpartition(":")[2], 16)
            if at == port and columns[_STATE] == (_LISTENS if is_tcp else _BOUND):
                yield columns[_INODE]
