"""Take over what a program left under /out: its output document and regular files, nothing else.

The directory is the dead sandbox's own tmpfs, reached through a descriptor. Every name in it is
hostile: no link is followed, no device or pipe is opened, and count, depth and size are bounded.
"""

import asyncio
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from commandcenter.kit.redaction import Redactor

MAX_OUTPUT_BYTES = 8 * 1024**2
MAX_ARTIFACTS = 2000
MAX_DEPTH = 16
_CHUNK_BYTES = 1024**2
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Collected:
    has_output: bool = False
    has_artifacts: bool = False
    problem: str = ""  # the output cannot be used; ends a success
    notes: tuple[str, ...] = ()
    not_stored: str = ""  # why this side could not keep the results


async def collect(
    out: int, *, output: Path, artifacts: Path, redactor: Redactor, limit_bytes: int
) -> Collected:
    """Copy `output.json` and `artifacts/**` to the host paths. Yields to the loop per MiB."""
    result = Collected()
    await _take_output(out, output, redactor, result)
    try:
        directory = os.open("artifacts", _OPEN_DIRECTORY, dir_fd=out)
    except OSError:
        return result
    copier = _Copier(redactor, limit_bytes)
    try:
        await copier.tree(directory, artifacts, 0)
    finally:
        os.close(directory)
    result.has_artifacts = copier.count > 0
    result.notes = tuple(copier.notes)
    return result


async def _take_output(out: int, output: Path, redactor: Redactor, result: Collected) -> None:
    try:
        fd = os.open("output.json", _OPEN_FILE, dir_fd=out)
    except FileNotFoundError:
        return
    except OSError:
        result.problem = "/out/output.json is not a regular file"
        return
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            result.problem = "/out/output.json is not a regular file"
            return
        if status.st_size > MAX_OUTPUT_BYTES:
            result.problem = (
                f"/out/output.json has {status.st_size:,} bytes; at most {MAX_OUTPUT_BYTES:,} "
                "are taken. Write large results as artifacts"
            )
            return
        with open(fd, "rb", closefd=False) as file:
            data = file.read(MAX_OUTPUT_BYTES)
    finally:
        os.close(fd)
    output.write_bytes(redactor.redact(data))
    result.has_output = True
    await asyncio.sleep(0)


class _Copier:
    def __init__(self, redactor: Redactor, limit_bytes: int) -> None:
        self._redactor = redactor
        self._left = limit_bytes
        self.count = 0
        self.notes: list[str] = []

    async def tree(self, directory: int, target: Path, depth: int) -> None:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            if self.count >= MAX_ARTIFACTS:
                self._note(f"only the first {MAX_ARTIFACTS} artifacts were kept")
                return
            if depth == 0 and not self.count:
                target.mkdir(mode=0o700, exist_ok=True)
            await self._entry(directory, name, target, depth)

    async def _entry(self, directory: int, name: str, target: Path, depth: int) -> None:
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            if depth >= MAX_DEPTH:
                self._note(f"artifacts deeper than {MAX_DEPTH} directories were left out")
                return
            with suppress(OSError):
                inner = os.open(name, _OPEN_DIRECTORY, dir_fd=directory)
                try:
                    (target / name).mkdir(mode=0o700)
                    await self.tree(inner, target / name, depth + 1)
                finally:
                    os.close(inner)
        elif stat.S_ISREG(mode):
            try:
                fd = os.open(name, _OPEN_FILE, dir_fd=directory)
            except OSError:
                self._note("an artifact could not be read and was left out")
                return
            try:
                await self._file(fd, target / name)
            finally:
                os.close(fd)
        else:
            self._note("artifacts that are no regular files were left out")

    async def _file(self, fd: int, target: Path) -> None:
        if os.fstat(fd).st_size > self._left:
            self._note("artifacts beyond the disk limit were left out")
            return
        redactor = self._redactor.for_stream()
        with target.open("xb") as file:
            while chunk := os.read(fd, _CHUNK_BYTES):
                self._left -= len(chunk)
                if self._left < 0:
                    break
                file.write(redactor.feed(chunk))
                await asyncio.sleep(0)
            file.write(redactor.finish())
        self.count += 1

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
