"""The context of a build as a tar for the engine: what `.dockerignore` leaves, and nothing outside.

Only regular files, directories and links are sent; a link is sent as one and never followed, so
that nothing outside the folder is read, whoever put the link there.
"""

import io
import os
import re
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from commandcenter.runtimes.images import ImageBuild

MAX_BYTES = 1024**3
MAX_FILES = 100_000
_IN_MEMORY_BYTES = 16 * 1024**2
_INLINE = ".dockerfile.commandcenter"
_IGNORE = ".dockerignore"


class ContextError(Exception):
    def __init__(self, detail: str, *, hint: str | None = None) -> None:
        super().__init__(detail)
        self.hint = hint


def open_context(build: ImageBuild) -> tuple[IO[bytes], str]:
    """Return the tar, to be closed by the caller, and the Dockerfile's name in it.

    Raises `ContextError`.
    """
    root = build.context
    if not root.is_dir():
        raise ContextError(f"{root} is not a directory.")
    dockerfile = _INLINE if build.dockerfile_inline is not None else _clean(build.dockerfile)
    if build.dockerfile_inline is None and not (root / dockerfile).is_file():
        raise ContextError(f"{root / dockerfile} does not exist.")
    rules = read_rules(_ignore_file(root, dockerfile))
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - the caller's
    try:
        with tarfile.open(fileobj=file, mode="w|", format=tarfile.GNU_FORMAT) as tar:
            _fill(tar, root, rules, {dockerfile, _IGNORE})
            if build.dockerfile_inline is not None:
                data = build.dockerfile_inline.encode()
                entry = tarfile.TarInfo(_INLINE)
                entry.size, entry.mode = len(data), 0o644
                tar.addfile(entry, io.BytesIO(data))
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file, dockerfile


def _fill(tar: tarfile.TarFile, root: Path, rules: "Rules", always: set[str]) -> None:
    total = 0
    for count, (name, fd, status) in enumerate(_walk(root, rules, always), 1):
        entry = tarfile.TarInfo(name)
        entry.mode = stat.S_IMODE(status.st_mode) & 0o755 | 0o444
        entry.mtime = int(status.st_mtime)
        if stat.S_ISDIR(status.st_mode):
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        elif stat.S_ISLNK(status.st_mode):
            entry.type = tarfile.SYMTYPE
            entry.linkname = os.readlink(Path(name).name, dir_fd=fd)
            _refuse_link_out(name, entry.linkname)
            tar.addfile(entry)
        else:
            total += status.st_size
            entry.size = status.st_size
            _add_file(tar, entry, fd, name)
        if total > MAX_BYTES or count > MAX_FILES:
            raise ContextError(
                f"the context {root} has more than {MAX_BYTES // 1024**2} MB "
                f"or {MAX_FILES:,} files.",
                hint=f"Leave out what the build does not need: {root / _IGNORE}",
            )


def _add_file(tar: tarfile.TarFile, entry: tarfile.TarInfo, directory: int, name: str) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(Path(name).name, flags, dir_fd=directory)
        with os.fdopen(fd, "rb") as file:
            tar.addfile(entry, file)
    except OSError as error:
        raise ContextError(f"{name} cannot be read: {error.strerror or error}.") from error


def _refuse_link_out(name: str, target: str) -> None:
    place = os.path.normpath(os.path.join(os.path.dirname(name), target))  # noqa: PTH118, PTH120
    if target.startswith("/") or place == ".." or place.startswith("../"):
        raise ContextError(
            f"{name} is a symbolic link that leads out of the context, to {target}.",
            hint=f"Remove it, or leave it out with {_IGNORE}.",
        )


def _walk(
    root: Path, rules: "Rules", always: set[str]
) -> Iterator[tuple[str, int, os.stat_result]]:
    """Give (name, descriptor of its directory, status) of what is to be sent, parents first."""
    top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield from _below(top, "", rules, always)
    finally:
        os.close(top)


def _below(
    fd: int, prefix: str, rules: "Rules", always: set[str]
) -> Iterator[tuple[str, int, os.stat_result]]:
    with os.scandir(fd) as entries:
        names = sorted(entry.name for entry in entries)
    for base in names:
        name = f"{prefix}{base}"
        status = os.stat(base, dir_fd=fd, follow_symlinks=False)
        ignored = rules.ignore(name) and name not in always
        if stat.S_ISDIR(status.st_mode):
            if not ignored:
                yield name, fd, status
            if not ignored or rules.has_exceptions or any(a.startswith(f"{name}/") for a in always):
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                inner = os.open(base, flags, dir_fd=fd)
                try:
                    yield from _below(inner, f"{name}/", rules, always)
                finally:
                    os.close(inner)
        elif not ignored and (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            yield name, fd, status


class Rules:
    """`.dockerignore`: the last line that fits a path, or a directory above it, decides."""

    def __init__(self, rules: list[tuple[re.Pattern[str], bool]]) -> None:
        self._rules = rules
        self.has_exceptions = any(not ignores for _, ignores in rules)

    def ignore(self, name: str) -> bool:
        parts = name.split("/")
        paths = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        ignored = False
        for pattern, ignores in self._rules:
            if any(pattern.fullmatch(path) for path in paths):
                ignored = ignores
        return ignored


def read_rules(text: str) -> Rules:
    rules = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        ignores = not line.startswith("!")
        pattern = os.path.normpath(line.removeprefix("!").strip()).lstrip("/")
        if pattern not in ("", "."):
            rules.append((re.compile(_regex(pattern)), ignores))
    return Rules(rules)


def _regex(pattern: str) -> str:
    """Go's path matching, and `**` for any number of directories."""
    out, index = "", 0
    while index < len(pattern):
        rest = pattern[index:]
        if rest.startswith("**/"):
            out, index = out + "(?:.*/)?", index + 3
        elif rest.startswith("**"):
            out, index = out + ".*", index + 2
        elif rest[0] == "*":
            out, index = out + "[^/]*", index + 1
        elif rest[0] == "?":
            out, index = out + "[^/]", index + 1
        elif rest[0] == "[" and "]" in rest:
            end = rest.index("]")
            out, index = out + "[" + rest[1:end].replace("\\", "\\\\") + "]", index + end + 1
        elif rest[0] == "\\" and len(rest) > 1:
            out, index = out + re.escape(rest[1]), index + 2
        else:
            out, index = out + re.escape(rest[0]), index + 1
    return out


def _ignore_file(root: Path, dockerfile: str) -> str:
    for name in (f"{dockerfile}{_IGNORE}", _IGNORE):
        path = root / name
        if path.is_file() and not path.is_symlink():
            return path.read_text(errors="replace")
    return ""


def _clean(name: str) -> str:
    place = os.path.normpath(name)
    if place.startswith(("/", "..")):
        raise ContextError(f"the Dockerfile {name} lies outside the context.")
    return place
