"""What this machine gives a sandbox: bubblewrap, cgroups, a filter, an identity, mounts."""

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from commandcenter.runner import seccomp
from commandcenter.runner.bwrap import Contents, find_bubblewrap
from commandcenter.runner.cgroups import Cgroups, Leaf
from commandcenter.runner.egress import Egress
from commandcenter.runner.errors import IsolationError
from commandcenter.runner.identities import PROXY_ID, IdentityPool
from commandcenter.runner.interpreter import own_interpreter
from commandcenter.runner.launch import LaunchOrder, Sandbox, launch
from commandcenter.runner.networks import Member, Networks
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.plan import PROXY_PORT, SandboxPlan
from commandcenter.runner.request import JobLimits
from commandcenter.runner.spawn import Identity
from commandcenter.runner.staging import StagedMounts, Stager, stage_binds

_EGRESS_PATH = "/opt/commandcenter/egress.py"
_EGRESS_PROGRAM = (Path(__file__).parent / "egress_program.py").read_bytes()
_RELEASE_SECONDS = 0.01
_REMOVE_TRIES = 200
_REMOVE_PAUSE_SECONDS = 0.01


@dataclass(slots=True)
class Lease:
    """A sandbox in use, and what is to be given back after it."""

    sandbox: Sandbox
    identity: Identity | None
    identities: IdentityPool
    egress: socket.socket | None = None  # where the sandbox's listening socket comes from

    def prefer(self, *, high: bool) -> None:
        """Give the sandbox the usual share of CPU, or (while it is prepared) the lowest."""
        if self.sandbox.leaf is not None:
            self.sandbox.leaf.set_share(high=high)

    async def give_back(self) -> None:
        """Take everything away that the dead sandbox had. Idempotent."""
        if self.egress is not None:
            self.egress.close()
        leaf, self.sandbox.leaf = self.sandbox.leaf, None
        if leaf is not None:
            await _remove(leaf)
        identity, self.identity = self.identity, None
        if identity is not None:
            self.identities.give_back(identity)


@dataclass(slots=True)
class Host:
    data_directory: Path
    cgroups: Cgroups
    staging_directory: Path | None  # set for root
    instance: str = ""
    problem: str = ""  # why no sandbox can be started here at all
    mark: int | None = None  # see `guardian.py`
    egress: Egress = field(init=False)
    networks: Networks = field(init=False)
    _identities: IdentityPool = field(init=False)
    _stager: Stager | None = field(init=False)
    seccomp: bytes = field(init=False)
    _counter: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._identities = IdentityPool(self.data_directory)
        proxy = Identity(PROXY_ID, PROXY_ID) if os.geteuid() == 0 else None
        self.egress = Egress(proxy)
        self._stager = Stager(self.staging_directory) if self.staging_directory else None
        try:
            self.seccomp = seccomp.program()
        except seccomp.UnknownArchitectureError as error:
            self.seccomp = b""
            self.problem = f"there is no system call filter for the architecture {error}"
        self.networks = Networks(RunnerPaths(self.data_directory), self.seccomp)

    async def obtain(
        self,
        plan: SandboxPlan,
        contents: Contents,
        limits: JobLimits,
        *,
        with_job_pipe: bool = False,
        with_egress: bool = False,
        member: Member | None = None,
    ) -> Lease:
        """Set up a sandbox that waits for its release. Raises `IsolationError`.

        As a member of a private network it runs under the network's host user.
        """
        if self.problem:
            raise IsolationError(
                f"No sandbox can be set up here: {self.problem}.",
                hint="`commandcenter doctor` says what to do.",
            )
        executable = find_bubblewrap().path
        own = self._identities.take() if self._stager and member is None else None
        identity = member.identity if member is not None else own
        mounts = StagedMounts()
        leaf: Leaf | None = None
        ours, theirs = socket.socketpair() if with_egress else (None, None)
        try:
            if theirs is not None:
                plan = _through_egress(plan, theirs.fileno())
            if identity is not None and self._stager is not None:
                sources = stage_binds(self._stager, plan.binds, identity, mounts)
                executable = _staged_program(self._stager, executable, identity)
            else:
                sources = {}
            leaf = self._new_leaf(limits)
            order = LaunchOrder(
                plan=plan,
                contents=contents,
                limits=limits,
                executable=executable,
                sources=sources,
                seccomp=self.seccomp,
                identity=identity,
                leaf=leaf,
                instance=self.instance,
                mark=self.mark,
                with_job_pipe=with_job_pipe,
                enter=member.enter if member is not None else None,
                inherited=(theirs.fileno(),) if theirs is not None else (),
            )
            lease = Lease(await launch(order), own, self._identities, ours)
        except BaseException:
            mounts.release()
            if ours is not None:
                ours.close()
            if leaf is not None:
                await _remove(leaf)
            if own is not None:
                self._identities.give_back(own)
            raise
        else:
            # The sandbox has mounts of its own by now. Each one left here would be shown to every
            # next bubblewrap, which reads the whole table for every bind. Not at once: the kernel
            # takes a millisecond for each, and the program is about to start.
            asyncio.get_running_loop().call_later(_RELEASE_SECONDS, mounts.release)
            return lease
        finally:
            if theirs is not None:
                theirs.close()

    def _new_leaf(self, limits: JobLimits) -> Leaf | None:
        if not self.cgroups.available:
            return None
        self._counter += 1
        try:
            return self.cgroups.create(str(self._counter), limits)
        except OSError as error:
            raise IsolationError(
                f"The limits cannot be set: {error.strerror} ({error.filename}).",
                hint="Another program may have removed the runner's cgroup; "
                "restart the hub to make a new one.",
            ) from error

    async def close(self) -> None:
        try:
            self.networks.close()
            self.egress.close()
        finally:
            self.cgroups.close()


def _through_egress(plan: SandboxPlan, fd: int) -> SandboxPlan:
    """Let the program that opens the proxy's port come before the command."""
    python = own_interpreter().executable
    return replace(
        plan,
        command=(python, "-I", "-S", _EGRESS_PATH, str(fd), str(PROXY_PORT), *plan.command),
        files=(*plan.files, (_EGRESS_PATH, _EGRESS_PROGRAM)),
    )


def _staged_program(stager: Stager, executable: str, identity: Identity) -> str:
    """bubblewrap may lie in an environment that the identity cannot enter."""
    if executable.startswith("/usr/"):
        return executable
    path = Path(executable)
    # The wheel keeps its libraries beside the package: two levels above the program's directory.
    root = path.parents[2] if len(path.parents) > 3 else path.parent  # noqa: PLR2004 - see above
    return os.path.join(stager.stage_shared(str(root), identity), path.relative_to(root))  # noqa: PTH118


async def _remove(leaf: Leaf) -> None:
    """The last process of a cgroup counts for a moment after it was seen to end."""
    for _ in range(_REMOVE_TRIES):
        with suppress(OSError):
            leaf.remove()
            return
        await asyncio.sleep(_REMOVE_PAUSE_SECONDS)
