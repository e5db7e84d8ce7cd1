"""What outlives a killed runner, to clean up after it.

`guardian_program.py LIFE MARK INSTANCE CGROUP... -- STAGING...` waits for the end of file of the
pipe LIFE, whose other end only the runner holds. Then it ends what is left of the runner's
sandboxes and removes the directories. The same may be done at the same time by the next runner of
the data directory: a thing that is gone already is what both want.

Little is imported, and the rest only when there is something to do, because this process is there
for as long as its runner.
"""

import os
import sys
import time

_DEADLINE_SECONDS = 10.0
_LAST_STEPS_SECONDS = 2.0
_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.2
_PREFIX = "commandcenter-"


def main() -> int:
    life, mark, instance = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    split = sys.argv.index("--")
    cgroups = [path for path in sys.argv[4:split] if _ours(path)]
    staging = [path for path in sys.argv[split + 1 :] if _ours(path)]
    with open("/proc/self/comm", "w") as file:  # noqa: PTH123 - pathlib would stay in memory
        file.write("cc-guardian")
    _wait_for_the_end(life)
    ended = 0
    pause = _FIRST_PAUSE_SECONDS
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        found = _end_sandboxes(instance, mark) + sum(map(_end_members, cgroups))
        ended += found
        # Directories come last: a staging directory is where living sandboxes have mounts.
        if not found and all([*map(_cgroup_removed, cgroups), *map(_removed, staging)]):
            break
        if time.monotonic() > deadline:
            left = [path for path in cgroups + staging if os.path.lexists(path)]
            sys.stderr.write(f"guardian of {instance}: left {found} processes, {left}\n")
            return 1
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
    if ended:
        sys.stderr.write(f"guardian of {instance}: ended what its runner had left running\n")
    return 0


def _ours(path: str) -> bool:
    return path.rpartition("/")[2].startswith(_PREFIX)


def _wait_for_the_end(life: int) -> None:
    """Return when the runner is dead, and the kernel has told its children so.

    The runner writes its process id when it has its last one. Its descriptors are closed a moment
    before its children get their death signal; the process descriptor tells the later moment.
    """
    runner = -1
    said = b""
    while part := os.read(life, 64):
        said += part
        if runner < 0 and said.endswith(b"\n"):
            try:
                runner = os.pidfd_open(int(said))
            except ProcessLookupError:
                break
    if runner >= 0:
        import select  # noqa: PLC0415 - not before it is needed

        poll = select.poll()
        poll.register(runner, select.POLLIN)
        poll.poll(_LAST_STEPS_SECONDS * 1000)  # bounded, as the number might be another's by then


def _end_sandboxes(instance: str, mark: int) -> int:
    """SIGKILL for the first process of each sandbox that is left; how many there were.

    A name proves nothing. The process must also hold the runner's mark, which nobody else is given.
    """
    name = os.fsencode(f"bwrap-{instance}") + b"\0"
    found = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or _command(entry)[: len(name)] != name:
            continue
        handle = _handle(entry)
        if handle is not None:
            if _holds(entry, mark):
                found += _kill(handle)
            os.close(handle)
    return found


def _end_members(cgroup: str) -> int:
    """SIGKILL for every process in a cgroup and those below it; how many there were."""
    found = 0
    for place, _, _ in os.walk(cgroup):
        for member in _members(place):
            handle = _handle(member)
            if handle is not None:
                if member in _members(place):  # and not somebody who got the number since
                    found += _kill(handle)
                os.close(handle)
    return found


def _members(cgroup: str) -> list[str]:
    try:
        with open(f"{cgroup}/cgroup.procs") as file:  # noqa: PTH123 - the same
            return [line for line in file.read().split() if line != "0"]
    except OSError:
        return []


def _cgroup_removed(cgroup: str) -> bool:
    return all([_removed(place) for place, _, _ in os.walk(cgroup, topdown=False)])  # noqa: C419


def _removed(directory: str) -> bool:
    """Remove an empty directory; whether there is none any more."""
    try:
        os.rmdir(directory)  # noqa: PTH106 - the same
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _command(entry: str) -> bytes:
    try:
        with open(f"/proc/{entry}/cmdline", "rb") as file:  # noqa: PTH123 - the same
            return file.read(64)
    except OSError:
        return b""


def _holds(entry: str, mark: int) -> bool:
    wanted = os.fstat(mark)
    try:
        descriptors = os.listdir(f"/proc/{entry}/fd")
    except OSError:
        return False
    for descriptor in descriptors:
        try:
            if os.path.samestat(os.stat(f"/proc/{entry}/fd/{descriptor}"), wanted):
                return True
        except OSError:
            continue
    return False


def _handle(entry: str) -> int | None:
    """A hold on the process, taken before it is looked at: the number may become another's."""
    try:
        return os.pidfd_open(int(entry))
    except OSError:
        return None


def _kill(handle: int) -> int:
    import signal  # noqa: PLC0415 - not before it is needed

    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
