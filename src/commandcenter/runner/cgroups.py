"""Limits enforced by the kernel: one cgroup leaf per sandbox, on version 1 or 2.

The leaves of a runner lie in one directory per hierarchy below the runner's own cgroup, named after
the runner's instance; that directory is noted on disk before it is made, so that the next runner
can sweep what a killed one left.
"""

import errno
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter.runner.request import JobLimits

CONTROLLERS = ("memory", "pids", "cpu", "cpuacct")
_PERIOD_US = 100_000
_PREFIX = "commandcenter-"
_SWEEP_SECONDS = 2.0
_OWN_PROCESSES = 2  # bubblewrap outside and as the first process inside


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where leaves can be made: version, controllers served, directory of our own."""

    version: int
    controllers: frozenset[str]
    directory: Path


@dataclass(slots=True)
class Leaf:
    """The cgroups of one sandbox."""

    directories: dict[str, Path]  # by controller
    version: int
    join_files: list[int] = field(default_factory=list)  # for the child to write "0" into
    own_processes: int = _OWN_PROCESSES  # counted in it beside those of the program

    def close_join_files(self) -> None:
        for fd in self.join_files:
            os.close(fd)
        self.join_files.clear()

    def set_limits(self, limits: JobLimits) -> None:
        """Raises OSError when the kernel refuses a limit."""
        if self.version == 1:
            _write(self.directories["memory"] / "memory.limit_in_bytes", limits.memory_bytes)
            with suppress(FileNotFoundError):  # absent without swap accounting
                _write(
                    self.directories["memory"] / "memory.memsw.limit_in_bytes", limits.memory_bytes
                )
            _write(self.directories["cpu"] / "cpu.cfs_period_us", _PERIOD_US)
            _write(self.directories["cpu"] / "cpu.cfs_quota_us", _quota(limits.cpu))
        else:
            memory = self.directories["memory"]
            _write(memory / "memory.max", limits.memory_bytes)
            with suppress(FileNotFoundError):
                _write(memory / "memory.swap.max", 0)
            _write(memory / "memory.oom.group", 1)
            _write(self.directories["cpu"] / "cpu.max", f"{_quota(limits.cpu)} {_PERIOD_US}")
        _write(self.directories["pids"] / "pids.max", limits.pids + self.own_processes)

    def set_share(self, *, high: bool) -> None:
        """How this leaf is served when there is not enough CPU for all."""
        with suppress(OSError):
            if self.version == 1:
                _write(self.directories["cpu"] / "cpu.shares", 1024 if high else 16)
            else:
                _write(self.directories["cpu"] / "cpu.weight", 100 if high else 2)

    def out_of_memory(self) -> bool:
        """Whether the kernel has ended a process of this leaf for want of memory."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        return _keyed(self.directories["memory"] / name).get("oom_kill", 0) > 0

    def refused_processes(self) -> int:
        """How often the kernel refused this leaf another process, for its limit of them."""
        return _keyed(self.directories["pids"] / "pids.events").get("max", 0)

    def register_oom_event(self) -> int | None:
        """On version 1, a descriptor that becomes readable at the first lack of memory.

        Version 2 needs none: `memory.oom.group` has the kernel end all processes together.
        """
        if self.version != 1:
            return None
        event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        control = -1
        try:
            control = os.open(
                self.directories["memory"] / "memory.oom_control", os.O_RDONLY | os.O_CLOEXEC
            )
            _write(self.directories["memory"] / "cgroup.event_control", f"{event} {control}")
        except OSError:
            os.close(event)
            raise
        finally:
            if control >= 0:
                os.close(control)
        return event

    def actual_limits(self) -> tuple[float, int, int]:
        """cores, memory bytes and processes as the kernel has them."""
        if self.version == 1:
            quota = _number(self.directories["cpu"] / "cpu.cfs_quota_us")
            period = _number(self.directories["cpu"] / "cpu.cfs_period_us")
            memory = _number(self.directories["memory"] / "memory.limit_in_bytes")
        else:
            quota, period = (
                int(part) for part in (self.directories["cpu"] / "cpu.max").read_text().split()
            )
            memory = _number(self.directories["memory"] / "memory.max")
        pids = _number(self.directories["pids"] / "pids.max")
        return quota / period, memory, pids - self.own_processes

    def usage(self) -> tuple[float, int, int, int]:
        """CPU seconds, memory now, memory peak, processes now."""
        memory = self.directories["memory"]
        if self.version == 1:
            cpu = _number(self.directories["cpuacct"] / "cpuacct.usage") / 1e9
            now = _number(memory / "memory.usage_in_bytes")
            peak = _number(memory / "memory.max_usage_in_bytes")
        else:
            cpu = _keyed(self.directories["cpu"] / "cpu.stat").get("usage_usec", 0) / 1e6
            now = _number(memory / "memory.current")
            peak = _number(memory / "memory.peak") if (memory / "memory.peak").exists() else now
        return cpu, now, peak, _number(self.directories["pids"] / "pids.current")

    def kill(self) -> None:
        """SIGKILL for every member, where the kernel can do it at once."""
        if self.version == 2:  # noqa: PLR2004 - the cgroup version
            with suppress(OSError):
                _write(self.directories["memory"] / "cgroup.kill", 1)

    def remove(self) -> None:
        """Raises OSError while a process is left in it."""
        self.close_join_files()
        for directory in dict.fromkeys(self.directories.values()):
            with suppress(FileNotFoundError):
                directory.rmdir()


class Cgroups:
    """Makes leaves. `hierarchies` is empty when none is writable: limits are then only watched."""

    def __init__(self, hierarchies: list[Hierarchy], problem: str = "") -> None:
        self._hierarchies = hierarchies
        self.problem = problem

    @property
    def available(self) -> bool:
        return bool(self._hierarchies)

    @property
    def directories(self) -> list[Path]:
        return [hierarchy.directory for hierarchy in self._hierarchies]

    def create(self, name: str, limits: JobLimits) -> Leaf:
        """A leaf with its limits set. Raises OSError."""
        directories: dict[str, Path] = {}
        version = self._hierarchies[0].version
        leaf = Leaf(directories, version)
        try:
            for hierarchy in self._hierarchies:
                directory = hierarchy.directory / name
                directory.mkdir()
                directories.update(dict.fromkeys(hierarchy.controllers, directory))
            leaf.set_limits(limits)
            # A single thread that moves itself through `tasks` spares version 1 a global lock.
            file = "tasks" if version == 1 else "cgroup.procs"
            for directory in dict.fromkeys(directories.values()):
                leaf.join_files.append(os.open(directory / file, os.O_WRONLY | os.O_CLOEXEC))
        except OSError:
            leaf.remove()
            raise
        return leaf

    def close(self) -> None:
        """Remove all leaves and the directories; what still runs in them is ended."""
        sweep([str(directory) for directory in self.directories])


def leaf_of(pid: int, own_processes: int) -> Leaf | None:
    """Find the cgroups of a process that somebody else put there; None if they are not visible."""
    try:
        own, mounts = _cgroups_of(pid), _cgroup_mounts()
    except OSError:
        return None
    found = {
        name: mounts[name] / own[name] for name in CONTROLLERS if name in own and name in mounts
    }
    if len(found) == len(CONTROLLERS):
        return Leaf(found, 1, own_processes=own_processes)
    if "" in own and "" in mounts:
        place = mounts[""] / own[""]
        return Leaf(dict.fromkeys(("memory", "pids", "cpu"), place), 2, own_processes=own_processes)
    return None


def plan_directories(instance: str) -> list[Hierarchy]:
    """Where this process's leaves would lie; nothing is made yet."""
    name = f"{_PREFIX}{instance}"
    own = _cgroups_of(os.getpid())
    mounts = _cgroup_mounts()
    found: dict[Path, set[str]] = {}
    for controller in CONTROLLERS:
        if controller in mounts and controller in own:
            found.setdefault(mounts[controller] / own[controller] / name, set()).add(controller)
    if {"memory", "pids", "cpu", "cpuacct"} <= set().union(*found.values(), set()):
        return [Hierarchy(1, frozenset(names), place) for place, names in found.items()]
    if "" in mounts and "" in own:
        place = _unified_place(mounts[""], own[""])
        if place is not None:
            return [Hierarchy(2, frozenset({"memory", "pids", "cpu"}), place / name)]
    return []


def open_cgroups(hierarchies: list[Hierarchy]) -> Cgroups:
    """Make the directories and find out whether a leaf can really be made and joined."""
    if not hierarchies:
        return Cgroups([], "no cgroup hierarchy with the memory, pids and cpu controllers")
    try:
        for hierarchy in hierarchies:
            hierarchy.directory.mkdir(exist_ok=True)
            if hierarchy.version == 2:  # noqa: PLR2004 - the cgroup version
                _write(hierarchy.directory / "cgroup.subtree_control", "+memory +pids +cpu")
        cgroups = Cgroups(hierarchies)
        probe = cgroups.create("probe", JobLimits(1.0, 64 * 1024**2, 16, 1, 1))
        _try_joining(probe)
        probe.remove()
    except OSError as error:
        sweep([str(hierarchy.directory) for hierarchy in hierarchies])
        return Cgroups([], f"cgroups cannot be used here: {error.strerror} ({error.filename})")
    return cgroups


def sweep(directories: list[str]) -> list[str]:
    """End what a dead runner left in its cgroups and remove them; what could not be is returned.

    A process that has ended counts for a moment longer, so that this may take up to two seconds.
    """
    left = [text for text in directories if Path(text).name.startswith(_PREFIX)]
    deadline = time.monotonic() + _SWEEP_SECONDS
    while True:
        for text in left:
            _sweep_once(Path(text))
        left = [text for text in left if Path(text).is_dir()]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.01)


def _sweep_once(base: Path) -> None:
    try:
        leaves = [entry for entry in base.iterdir() if entry.is_dir()]
    except OSError:  # it is gone, perhaps by the dead runner's guardian in this moment
        return
    for leaf in [*leaves, base]:
        with suppress(OSError):
            for pid in (leaf / "cgroup.procs").read_text().split():
                if pid == "0":  # of a process namespace beyond ours; to kill 0 is to kill ourselves
                    continue
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        with suppress(OSError):
            leaf.rmdir()


def _try_joining(leaf: Leaf) -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        number = 0
        try:
            for fd in leaf.join_files:
                os.write(fd, b"0")
        except OSError as error:
            number = error.errno or errno.EIO
        finally:
            os._exit(number)
    os.close(writer)
    os.close(reader)
    number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if number:
        leaf.remove()
        raise OSError(number, os.strerror(number), "joining a cgroup")


def _cgroups_of(pid: int) -> dict[str, str]:
    own: dict[str, str] = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            own[name] = path.lstrip("/")
    return own


def _cgroup_mounts() -> dict[str, Path]:
    """Mount point by controller; "" is the unified hierarchy."""
    mounts: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        root, place = before.split()[3:5]
        kind, _, options = after.split(" ", 2)
        if root != "/":  # seen from outside a cgroup namespace: paths would not fit
            continue
        if kind == "cgroup2":
            mounts.setdefault("", Path(place))
        elif kind == "cgroup":
            for name in options.split(" ")[-1].split(","):
                mounts.setdefault(name, Path(place))
    return mounts


def _unified_place(mount: Path, own: str) -> Path | None:
    """The nearest directory at or above our own that hands the controllers to its children."""
    wanted = {"memory", "pids", "cpu"}
    place = mount / own
    while True:
        try:
            enabled = set((place / "cgroup.subtree_control").read_text().split())
            offered = set((place / "cgroup.controllers").read_text().split())
        except OSError:
            return None
        if not wanted <= enabled and wanted <= offered:
            # Refused (EBUSY) where processes live in it, allowed at the very root.
            with suppress(OSError):
                _write(place / "cgroup.subtree_control", "+memory +pids +cpu")
                enabled = set((place / "cgroup.subtree_control").read_text().split())
        if wanted <= enabled and os.access(place, os.W_OK):
            return place
        if place == mount:
            return None
        place = place.parent


def _quota(cpu: float) -> int:
    return max(1000, round(cpu * _PERIOD_US))


def _write(path: Path, value: int | str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, str(value).encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(fd)


def _number(path: Path) -> int:
    return int(path.read_text())


def _keyed(path: Path) -> dict[str, int]:
    found = {}
    for line in path.read_text().splitlines():
        name, _, value = line.partition(" ")
        with suppress(ValueError):
            found[name] = int(value)
    return found
