"""What this machine can isolate, what it cannot, and what to do about it."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from commandcenter.kit.errors import ProblemError
from commandcenter.runner import network_namespaces, seccomp
from commandcenter.runner.bwrap import Bubblewrap, find_bubblewrap
from commandcenter.runner.cgroups import plan_directories
from commandcenter.runner.networks import FIRST_ID

NETWORKS = "private networks"
_PROBE_SECONDS = 20
_IDMAP_KERNEL = (5, 12)
_CAP_SYS_ADMIN = 21


class Severity(StrEnum):
    FATAL = "fatal"  # no agent can be run
    WARNING = "warning"  # something is enforced less well, and said so
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    severity: Severity
    detail: str
    remedy: str = ""  # what to do; "" when nothing is to be done


def diagnose() -> list[Check]:
    """Look at this machine; takes well under a second and changes nothing."""
    checks = [
        _guarded("kernel", _kernel),
        _guarded("bubblewrap", _bubblewrap),
        _guarded("system call filter", _filter),
        _guarded("user namespaces", _user_namespaces),
        _guarded("container", _container),
        _guarded("sandbox", _sandbox),
        _guarded(NETWORKS, _networks),
        _guarded("cgroups", _cgroups),
    ]
    if os.geteuid() == 0:
        checks.append(_guarded("id-mapped mounts", _idmap))
    return checks


def can_isolate() -> bool:
    """Whether a sandbox can be set up here at all."""
    return all(check.ok or check.severity is not Severity.FATAL for check in diagnose())


def _guarded(name: str, check: Callable[[str], Check]) -> Check:
    try:
        return check(name)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return Check(name, False, Severity.WARNING, f"could not be found out: {error}")


def _kernel(name: str) -> Check:
    release = platform.release()
    system = platform.system()
    if system != "Linux":
        return Check(
            name, False, Severity.FATAL, f"the sandbox needs Linux; this is {system}",
            "Run the hub in a Linux virtual machine, or use a container runtime.",
        )  # fmt: skip
    old = _release() < (5, 14)
    return Check(
        name, True, Severity.WARNING if old else Severity.INFO, f"Linux {release}",
        "Linux 5.14 or newer counts processes per sandbox without cgroups." if old else "",
    )  # fmt: skip


def _bubblewrap(name: str) -> Check:
    try:
        found = find_bubblewrap()
    except ProblemError as error:
        return Check(name, False, Severity.FATAL, error.detail, error.hint or "")
    version = ".".join(map(str, found.version))
    return Check(name, True, Severity.INFO, f"{found.path}, version {version}")


def _filter(name: str) -> Check:
    machine = platform.machine()
    try:
        seccomp.program()
    except seccomp.UnknownArchitectureError:
        return Check(
            name, False, Severity.FATAL, f"there is none for the architecture {machine}",
            "Use an x86_64 or aarch64 machine.",
        )  # fmt: skip
    status = Path("/proc/self/status").read_text()
    if "Seccomp:" not in status:
        return Check(
            name, False, Severity.FATAL, "the kernel is built without seccomp",
            "Use a kernel with CONFIG_SECCOMP_FILTER.",
        )  # fmt: skip
    return Check(name, True, Severity.INFO, f"{len(seccomp.refused_calls())} calls are refused")


def _user_namespaces(name: str) -> Check:
    limit = _read_number("/proc/sys/user/max_user_namespaces")
    if limit == 0:
        return Check(
            name, False, Severity.FATAL, "user.max_user_namespaces is 0",
            "As root: `sysctl -w user.max_user_namespaces=10000`, and keep it in /etc/sysctl.d.",
        )  # fmt: skip
    if _read_number("/proc/sys/kernel/unprivileged_userns_clone") == 0:
        return Check(
            name, False, Severity.FATAL, "kernel.unprivileged_userns_clone is 0",
            "As root: `sysctl -w kernel.unprivileged_userns_clone=1`, "
            "and keep it in /etc/sysctl.d.",
        )  # fmt: skip
    if _read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1:
        # Allowed for programs with a profile; whether ours has one, `sandbox` finds out.
        return Check(
            name, True, Severity.WARNING,
            "AppArmor allows user namespaces only to programs with a profile",
            _apparmor_remedy(),
        )  # fmt: skip
    return Check(name, True, Severity.INFO, "available" if limit is None else f"up to {limit}")


def _container(name: str) -> Check:
    kind = _container_kind()
    if kind is None:
        return Check(name, True, Severity.INFO, "not inside a container")
    return Check(
        name, True, Severity.WARNING, f"this is inside a container ({kind})",
        "A default container forbids nested sandboxes. If the check `sandbox` fails, run the hub "
        "on the host, or use a container runtime through the engine's socket instead.",
    )  # fmt: skip


def _sandbox(name: str) -> Check:
    """The real thing: set a minimal sandbox up."""
    try:
        found = find_bubblewrap()
    except ProblemError:
        return Check(name, False, Severity.FATAL, "cannot be tried without bubblewrap")
    done = subprocess.run(
        [
            found.path, "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc",
            "--unshare-uts", "--disable-userns", "--uid", "1000", "--gid", "1000",
            "--cap-drop", "ALL", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc",
            "--dev", "/dev", "true",
        ],
        capture_output=True, text=True, timeout=_PROBE_SECONDS, env={}, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return Check(name, True, Severity.INFO, "a sandbox was set up and taken down")
    return Check(
        name, False, Severity.FATAL, f"it cannot be set up: {done.stderr.strip()}",
        _sandbox_remedy(found, done.stderr),
    )  # fmt: skip


def _networks(name: str) -> Check:
    """The same for what the services of a project share: a network of their own."""
    package_root = str(Path(network_namespaces.__file__).parents[2])
    program = (
        f"import sys; sys.path.insert(0, {package_root!r}); "
        "from commandcenter.runner.network_namespaces import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program, str(FIRST_ID)],
        capture_output=True, text=True, timeout=_PROBE_SECONDS, env={}, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return Check(name, True, Severity.INFO, "one was set up and taken down")
    said = done.stderr.strip().rpartition("\n")[2]
    remedy = "As root, load the kernel's modules for it: `modprobe -a bridge veth`."
    if _read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1:
        remedy = _apparmor_remedy(os.path.realpath(sys.executable))
    return Check(
        name, False, Severity.WARNING,
        f"no project's services can be run in the sandbox: {said}", remedy,
    )  # fmt: skip


def _sandbox_remedy(found: Bubblewrap, said: str) -> str:
    if _read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1:
        return _apparmor_remedy(found.path)
    if _container_kind() is not None:
        return (
            "Inside a container: run the hub on the host, or start the container with "
            "`--security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            "--security-opt systempaths=unconfined`."
        )
    if "proc" in said:
        return "Mounting /proc is forbidden here; run the hub outside this container."
    return "Allow unprivileged user namespaces on this machine."


def _apparmor_remedy(path: str = "/usr/bin/bwrap") -> str:
    return (
        "Install the system's bubblewrap with its AppArmor profile (Ubuntu 24.04: packages "
        "`bubblewrap` and `apparmor-profiles`), or as root write /etc/apparmor.d/commandcenter: "
        f"`abi <abi/4.0>, include <tunables/global> profile commandcenter-bwrap {path} "
        "flags=(unconfined) { userns, }` and run `apparmor_parser -r` on it."
    )


def _cgroups(name: str) -> Check:
    hierarchies = plan_directories("doctor")
    writable = [
        hierarchy for hierarchy in hierarchies if os.access(hierarchy.directory.parent, os.W_OK)
    ]
    if hierarchies and len(writable) == len(hierarchies):
        return Check(name, True, Severity.INFO, f"version {hierarchies[0].version}, writable")
    found = "none with memory, pids and cpu" if not hierarchies else "not writable for this user"
    return Check(
        name, False, Severity.WARNING,
        f"{found}: processes are limited by the kernel, memory is watched 50 times a second, "
        "CPU is not limited",
        "Run the hub as a systemd user service (`systemd-run --user --scope -p Delegate=yes`) "
        "or as root, so that the kernel enforces all limits.",
    )  # fmt: skip


def _idmap(name: str) -> Check:
    if not _has_capability(_CAP_SYS_ADMIN):
        return Check(
            name, False, Severity.FATAL, "root without CAP_SYS_ADMIN cannot stage mounts",
            "Run the hub as an ordinary user.",
        )  # fmt: skip
    if _release() < _IDMAP_KERNEL:
        return Check(
            name, False, Severity.FATAL, f"Linux {platform.release()} has no id-mapped mounts",
            "Run the hub as an ordinary user, or use Linux 5.12 or newer.",
        )  # fmt: skip
    return Check(name, True, Severity.INFO, "the kernel has them; file systems may not")


def _has_capability(number: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def _container_kind() -> str | None:
    if Path("/.dockerenv").exists():
        return "Docker"
    if Path("/run/.containerenv").exists():
        return "Podman"
    try:
        environment = Path("/proc/1/environ").read_bytes()
    except OSError:
        return None
    for entry in environment.split(b"\0"):
        if entry.startswith(b"container="):
            return entry.removeprefix(b"container=").decode("utf-8", "replace")
    return None


def _release() -> tuple[int, ...]:
    numbers = platform.release().split("-")[0].split(".")
    return tuple(int(part) for part in numbers[:2] if part.isdigit())


def _read_number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return None
