"""From a request to the shape of its sandbox: mounts, environment, command. Starts nothing."""

import functools
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter.runner.errors import BadRequestError
from commandcenter.runner.interpreter import own_interpreter
from commandcenter.runner.request import JobRequest

PROXY_PORT = 3128  # on the sandbox's own loopback
HOME_BYTES = 16 * 1024**2
_SYSTEM_TREES = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SYSTEM_SETTINGS = (
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/localtime",
    "/etc/nsswitch.conf",
)
_COPIED_BYTES = 128 * 1024  # a copy of more would cost more than a mount
# Written by git itself when it is asked to run something, or read by it to find what to run.
_GIT_READ_ONLY = ("config", "hooks", "info", "config.worktree", "modules", "worktrees")
_GIT_NEEDED = ("config", "hooks", "info")


@dataclass(frozen=True, slots=True)
class Bind:
    """A host path shown in the sandbox. Owned paths belong to the user, not to the system."""

    source: str
    target: str
    writable: bool = False
    owned: bool = True  # as root these are staged under the agent's identity


@dataclass(frozen=True, slots=True)
class SandboxPlan:
    binds: tuple[Bind, ...]
    links: tuple[tuple[str, str], ...]  # (path inside, target)
    covered: tuple[str, ...]  # directories inside that are to be empty
    environment: dict[str, str] = field(repr=False)
    command: tuple[str, ...]
    directory: str
    disk_bytes: int
    base_environment: dict[str, str] = field(default_factory=dict)  # without the request's own
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)  # written, read-only
    git_directory: str | None = None  # of a writable workspace, for the check at the end
    service: bool = False  # in a private network, without /in and /out
    user: str = "agent"
    uid: int = 1000
    gid: int = 1000
    hostname: str = "sandbox"
    tmpfs: tuple[tuple[str, int], ...] = ()  # more of them: path inside, bytes
    shm_bytes: int = HOME_BYTES


def plan_sandbox(request: JobRequest, data_directory: str, *, userland: bool = True) -> SandboxPlan:
    """Raises `BadRequestError` when a path of the request is not what it must be.

    The hub's data directory (database, vault) is covered wherever a mount would show it. Without
    `userland` nothing of the machine's own system is shown: the attempt brings an image.
    """
    binds: list[Bind] = []
    links: list[tuple[str, str]] = []
    files: list[tuple[str, bytes]] = []
    command = request.command
    if userland:
        binds, links, files = _system()
        interpreter = own_interpreter()
        if command[0] == "python" or request.network_allow:
            binds += [Bind(tree, tree) for tree in interpreter.trees]
            links += interpreter.links
        if command[0] == "python":
            command = (interpreter.executable, *command[1:])
    for index, path in enumerate(request.python_path):
        binds.append(Bind(_directory(path, "python_path"), f"/opt/python-path/{index}"))
    if request.agent_directory is not None:
        binds.append(Bind(_directory(request.agent_directory, "agent folder"), "/agent"))
    git = None
    if request.workspace is not None:
        source = _directory(request.workspace, "workspace")
        binds.append(Bind(source, "/workspace", writable=request.workspace_writable))
        if request.workspace_writable:
            binds += _git_protection(source)
            git = os.path.join(source, ".git")  # noqa: PTH118
    base = _python_path(request)
    if userland:
        base = {**_base_environment(request, command[0]), **base}
    return SandboxPlan(
        binds=tuple(binds),
        covered=hidden_places(binds, data_directory),
        links=tuple(links),
        environment=_environment(request, base),
        base_environment=base,
        command=command,
        directory="/agent",
        disk_bytes=request.limits.disk_bytes,
        files=tuple(files),
        git_directory=git,
    )


def system_links() -> list[tuple[str, str]]:
    """Return which of the machine's top directories are symbolic links: (path, target)."""
    return [(tree, os.readlink(tree)) for tree in _SYSTEM_TREES if os.path.islink(tree)]  # noqa: PTH114, PTH115


def _system() -> tuple[list[Bind], list[tuple[str, str]], list[tuple[str, bytes]]]:
    """The machine's own userland: mounts, links, and small files as copies."""
    binds = [
        Bind(tree, tree, owned=False)
        for tree in _SYSTEM_TREES
        if os.path.isdir(tree) and not os.path.islink(tree)  # noqa: PTH112, PTH114 - plain strings
    ]
    binds.append(Bind("/usr", "/usr", owned=False))
    files: list[tuple[str, bytes]] = []
    for path in _SYSTEM_SETTINGS:
        content = _small_file(path)
        if content is not None:
            files.append((path, content))
        elif os.path.exists(path):  # noqa: PTH110
            binds.append(Bind(path, path, owned=False))
    return binds, system_links(), files


def _small_file(path: str) -> bytes | None:
    """The content of a file that everybody may read, and that is cheaper to copy than to mount."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    for_all = stat.S_ISREG(status.st_mode) and status.st_mode & stat.S_IROTH
    if not for_all or status.st_size > _COPIED_BYTES:
        return None
    return _content(path, status.st_ino, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=16)
def _content(path: str, *_version: int) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None


def _directory(path: str, what: str) -> str:
    real = os.path.realpath(path)
    if not os.path.isabs(path) or not os.path.isdir(real):  # noqa: PTH112, PTH117
        raise BadRequestError(f"The {what} {path} is not a directory on this machine.")
    if real == "/":
        raise BadRequestError(f"The {what} must not be the root directory.")
    return real


def hidden_places(binds: list[Bind], data_directory: str) -> tuple[str, ...]:
    """Where mounts would show the data directory. Raises `BadRequestError` if one is of it."""
    found = []
    for bind in binds:
        if bind.source == data_directory:
            raise BadRequestError("The hub's own data directory cannot be given to an agent.")
        if data_directory.startswith(bind.source + "/"):
            found.append(bind.target + data_directory[len(bind.source) :])
    return tuple(found)


def _git_protection(workspace: str) -> list[Bind]:
    """Keep an agent from planting what runs when somebody uses git in this folder later.

    The `.git` directory is a mount of its own, so that it cannot be renamed away; what names
    programs to run is read-only in it. A `.git` file (worktree, submodule) cannot be changed.
    """
    git = Path(workspace, ".git")
    if git.is_symlink():
        raise BadRequestError(
            f"{git} is a symbolic link; a writable workspace needs a real .git.",
            hint="Give the agent a git worktree or a clone instead.",
        )
    if git.is_file():
        return [Bind(str(git), "/workspace/.git")]
    if not git.is_dir():
        return []
    binds = [Bind(str(git), "/workspace/.git", writable=True)]
    for name in _GIT_READ_ONLY:
        path = git / name
        if path.is_symlink():
            raise BadRequestError(f"{path} is a symbolic link; that cannot be protected.")
        if not path.exists():
            if name not in _GIT_NEEDED:
                continue
            _create_like(path, git, directory=name != "config")
        binds.append(Bind(str(path), f"/workspace/.git/{name}"))
    return binds


def _create_like(path: Path, parent: Path, *, directory: bool) -> None:
    """Create what is missing, so that it can be covered; owned as its parent is."""
    if directory:
        path.mkdir(exist_ok=True)
    else:
        path.touch()
    owner = parent.stat()
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def remove_planted_redirection(git_directory: str) -> bool:
    """Take away `.git/commondir`: it would send git elsewhere for configuration and hooks."""
    path = f"{git_directory}/commondir"
    if os.path.lexists(path):
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - plain strings all along
            return True
    return False


def _base_environment(request: JobRequest, program: str) -> dict[str, str]:
    path = "/usr/local/bin:/usr/bin:/bin"
    if request.command[0] == "python":
        path = f"{os.path.dirname(program)}:{path}"  # noqa: PTH120
    environment = {
        "PATH": path,
        "HOME": "/home/agent",
        "USER": "agent",
        "LOGNAME": "agent",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",  # noqa: S108 - the sandbox's own
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if request.network_allow:
        proxy = f"http://127.0.0.1:{PROXY_PORT}"
        environment |= dict.fromkeys(
            ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy
        )
        environment |= dict.fromkeys(("NO_PROXY", "no_proxy"), "localhost,127.0.0.1,::1")
    return environment


def _python_path(request: JobRequest) -> dict[str, str]:
    if not request.python_path:
        return {}
    places = [f"/opt/python-path/{index}" for index in range(len(request.python_path))]
    return {"PYTHONPATH": ":".join(places)}


def _environment(request: JobRequest, base: dict[str, str]) -> dict[str, str]:
    environment = {**base, **request.environment, **request.secret_environment}
    own = request.environment.get("PYTHONPATH")
    if own and "PYTHONPATH" in base:
        environment["PYTHONPATH"] = f"{base['PYTHONPATH']}:{own}"
    return environment
