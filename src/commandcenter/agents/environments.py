"""Environments of agents that need more than the hub's own Python packages.

An environment is a directory for PYTHONPATH, built by pip inside a sandbox, kept under a key of
the requirements and the Python version, and never changed. Building runs other people's code, so
it happens behind the same walls as any attempt.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from commandcenter.agents.errors import EnvironmentFailedError
from commandcenter.agents.manifest import AgentManifest
from commandcenter.runtimes.base import Handle, Runtime
from commandcenter.runtimes.errors import RuntimeRefusedError
from commandcenter.runtimes.results import AttemptResult
from commandcenter.runtimes.spec import AttemptKind, AttemptSpec, Limits, NetworkPolicy

_TIMEOUT_SECONDS = 900.0
_LOCK_POLL_SECONDS = 0.2
_SHOWN_LINES = 8
_SITE = "site"
_LIMITS = Limits(
    cpu=2.0,
    memory_bytes=2 * 1024**3,
    pids=128,
    disk_bytes=1024**3,
    log_bytes=1024**2,
)
# The hub's environment may lack pip, which then lies in Python's own library as a wheel.
_PROGRAM = f"""
import pathlib, runpy, sys
try:
    import pip
except ImportError:
    try:
        import ensurepip
    except ImportError:
        sys.exit("this Python has neither pip nor ensurepip: install them, on Debian python3-venv")
    wheels = sorted((pathlib.Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    if not wheels:
        sys.exit("this Python has no pip: install it into the hub's environment")
    sys.path.insert(0, str(wheels[-1]))
target = "/out/artifacts/{_SITE}"
pathlib.Path(target).mkdir(parents=True)
sys.argv = ["pip", "install", "--no-input", "--disable-pip-version-check", "--no-cache-dir",
            "--no-compile", "--target", target, "--requirement", sys.argv[1]]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


class EnvironmentBuilder:
    """Builds each environment once, however many steps, runs and processes ask for it."""

    def __init__(self, root: Path, index_hosts: Sequence[str] = ()) -> None:
        """`index_hosts` are `host:port` of the package index that builds may reach."""
        self._root = root
        self._index_hosts = tuple(index_hosts)

    async def ensure_environment(
        self, manifest: AgentManifest, directory: Path, runtime: Runtime
    ) -> Path | None:
        """Return the directory for PYTHONPATH, building it if need be; None: none is wanted.

        `directory` is the agent's verified copy. Raises `RuntimeRefusedError` when the runtime
        cannot build it safely, `EnvironmentFailedError` when building failed.
        """
        if manifest.requirements is None:
            return None
        requirements = await asyncio.to_thread((directory / manifest.requirements).read_bytes)
        offline = _is_offline(requirements)
        environment = self._root / _key(requirements, directory if offline else None)
        if await asyncio.to_thread(environment.is_dir):
            return environment
        async with _locked(self._root, environment.name):
            if not await asyncio.to_thread(environment.is_dir):
                network = NetworkPolicy() if offline else await self._network(manifest, runtime)
                await self._build(manifest, directory, runtime, network, environment)
        return environment

    async def _network(self, manifest: AgentManifest, runtime: Runtime) -> NetworkPolicy:
        capabilities = await runtime.capabilities()
        hint = (
            f"Put wheels beside {manifest.requirements} and begin it with --no-index and "
            "--find-links, then no network is needed."
        )
        if not capabilities.network_allow_list:
            raise RuntimeRefusedError(
                f"The packages that agent {manifest.name!r} requires come from a package index, "
                f"and the runtime {capabilities.name!r} cannot open the network for that alone.",
                hint=hint,
            )
        if not self._index_hosts:
            raise RuntimeRefusedError(
                f"The packages that agent {manifest.name!r} requires come from a package index, "
                "and the operator has allowed none.",
                hint=hint,
            )
        return NetworkPolicy(allow=self._index_hosts)

    async def _build(
        self,
        manifest: AgentManifest,
        directory: Path,
        runtime: Runtime,
        network: NetworkPolicy,
        environment: Path,
    ) -> None:
        spec = AttemptSpec(
            attempt_id=f"environment-{environment.name}",
            kind=AttemptKind.JOB,
            command=("python", "-c", _PROGRAM, str(manifest.requirements)),
            agent_directory=directory,
            input_json=b"{}",
            workspace=None,
            limits=_LIMITS,
            timeout_seconds=_TIMEOUT_SECONDS,
            environment={"PIP_CONFIG_FILE": os.devnull},
            network=network,
        )
        # Not removed when this is cancelled: whoever asks next finds the attempt by its id.
        handle = await runtime.start(spec)
        result = await runtime.wait(handle)
        try:
            site = result.artifacts_directory / _SITE if result.artifacts_directory else None
            if result.reason is not None or site is None or not site.is_dir():
                raise EnvironmentFailedError(
                    f"the packages that agent {manifest.name!r} requires could not be installed: "
                    f"{await _why(runtime, handle, result)}",
                    hint=f"See {manifest.requirements} in the agent's folder.",
                )
            await asyncio.to_thread(_keep, site, environment)
        finally:
            await runtime.remove(handle)


def _is_offline(requirements: bytes) -> bool:
    lines = requirements.decode(errors="replace").splitlines()
    return any(line.split("#")[0].split()[:1] == ["--no-index"] for line in lines)


def _key(requirements: bytes, directory: Path | None) -> str:
    """Name what the environment is made of; local wheels belong to the agent's own content."""
    version = f"{sys.implementation.cache_tag} {sys.platform} {os.uname().machine}"
    content = directory.name if directory else ""
    parts = (requirements, version.encode(), content.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


@asynccontextmanager
async def _locked(root: Path, name: str) -> AsyncIterator[None]:
    """Hold a lock that the kernel lets go when its holder dies; EnvironmentFailedError in time."""
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root / f".{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS + 60):
                while not _try_lock(descriptor):  # noqa: ASYNC110  # the holder may be elsewhere
                    await asyncio.sleep(_LOCK_POLL_SECONDS)
        except TimeoutError:
            raise EnvironmentFailedError(
                f"another process has been building the environment {name[:12]} for too long",
                hint="Look for a worker that hangs, and end it.",
            ) from None
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _keep(site: Path, environment: Path) -> None:
    """Put a whole, durable, read-only copy in place at once."""
    with tempfile.TemporaryDirectory(
        prefix=".new-", dir=environment.parent, ignore_cleanup_errors=True
    ) as temporary:
        copy = Path(temporary) / _SITE
        shutil.copytree(site, copy, symlinks=True)
        for here, _, files in os.walk(copy):
            Path(here).chmod(0o755)
            for name in files:
                path = Path(here) / name
                if path.is_symlink():
                    path.unlink()  # what it leads to could change
                else:
                    path.chmod(0o555 if path.stat().st_mode & 0o100 else 0o444)
        os.sync()
        copy.rename(environment)


async def _why(runtime: Runtime, handle: Handle, result: AttemptResult) -> str:
    lines = [line.text async for line in runtime.logs(handle)][-_SHOWN_LINES:]
    return "; ".join(part for part in (result.message, *lines) if part) or "nothing was installed"
