"""Use of a sandbox's processes read from /proc, where there is no cgroup to ask."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_FIELDS_BEFORE_TIMES = 11  # of /proc/PID/stat behind the name: utime and stime follow


@dataclass(frozen=True, slots=True)
class TreeUse:
    cpu_seconds: float
    memory_bytes: int
    processes: int


def tree_use(init_pid: int, *, precise_above: int) -> TreeUse:
    """Use of the process and all its descendants now.

    Memory is the sum of resident sets; when that is above `precise_above`, pages shared between
    processes are counted once.
    """
    pids = descendants(init_pid)
    memory = sum(_resident(pid) for pid in pids)
    if memory > precise_above:
        memory = sum(_proportional(pid) for pid in pids)
    return TreeUse(sum(_cpu(pid) for pid in pids), memory, max(0, len(pids) - 1))


def descendants(root: int) -> list[int]:
    found = [root]
    for pid in found:  # grows while it is walked
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                children = Path(f"/proc/{pid}/task/{thread}/children").read_text()
                found.extend(int(child) for child in children.split())
    return found


def _resident(pid: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def _proportional(pid: int) -> int:
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return _resident(pid)


def _cpu(pid: int) -> float:
    with suppress(OSError, ValueError, IndexError):
        text = Path(f"/proc/{pid}/stat").read_text()
        fields = text.rpartition(")")[2].split()
        return sum(int(field) for field in fields[_FIELDS_BEFORE_TIMES:][:2]) / _TICKS
    return 0.0
