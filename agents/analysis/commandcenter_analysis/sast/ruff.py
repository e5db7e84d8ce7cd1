"""Running ruff over Python files, with nothing of the repository able to steer it."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BATCH = 400
_MOST_OUTPUT = 64_000_000
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TMPDIR")


class RuffError(Exception):
    """Ruff is not there, or ended in a way that says nothing about the files."""


@dataclass(frozen=True, slots=True)
class RuffMessage:
    code: str
    file: str
    line: int
    end_line: int
    text: str


@dataclass(slots=True)
class RuffReport:
    messages: list[RuffMessage] = field(default_factory=list)
    unparsed: dict[str, str] = field(default_factory=dict)
    """Files with a syntax error, and which."""
    unfinished: list[str] = field(default_factory=list)
    """Files of a batch that was ended because it took too long or said too much."""


def run_ruff(
    root: Path, files: Sequence[str], rules: Sequence[str], *, seconds: float
) -> RuffReport:
    """Check `files` (relative to `root`) with the given rules only.

    The repository's own configuration, its ignore files and its `noqa` marks have no effect, and
    nothing is written. Raises `RuffError` when ruff cannot be run.
    """
    report = RuffReport()
    if not files:
        return report
    binary = _binary()
    for start in range(0, len(files), _BATCH):
        batch = files[start : start + _BATCH]
        _run_batch(binary, root, batch, rules, seconds, report)
    return report


def _binary() -> str:
    # Imported here: finding the program costs nothing to scans without any Python.
    from ruff import find_ruff_bin  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        return str(find_ruff_bin())
    except FileNotFoundError as error:
        raise RuffError("ruff is not installed beside this agent's Python.") from error


def _run_batch(
    binary: str,
    root: Path,
    batch: Sequence[str],
    rules: Sequence[str],
    seconds: float,
    report: RuffReport,
) -> None:
    command = [
        binary,
        "check",
        "--isolated",
        "--ignore-noqa",
        "--no-respect-gitignore",
        "--no-cache",
        "--no-fix",
        "--exit-zero",
        "--quiet",
        "--target-version=py314",
        f"--select={','.join(rules)}",
        "--output-format=json-lines",
        "--",
        *(str(root / file) for file in batch),
    ]
    environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    environment["RAYON_NUM_THREADS"] = "2"
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env=environment,
        cwd="/",
    ) as process:
        watchdog = threading.Timer(seconds, process.kill)
        watchdog.start()
        try:
            complete = _read(process, root, report)
        finally:
            watchdog.cancel()
            if process.poll() is None and not process.stdout:
                process.kill()
    if not complete or process.returncode != 0:
        report.unfinished.extend(batch)


def _read(process: "subprocess.Popen[bytes]", root: Path, report: RuffReport) -> bool:
    if process.stdout is None:
        raise RuffError("ruff was started without a pipe to read from.")
    read = 0
    for line in process.stdout:
        read += len(line)
        if read > _MOST_OUTPUT:
            process.kill()
            return False
        for message in _messages(line, root):
            if message.code == "invalid-syntax" or not message.code:
                report.unparsed.setdefault(message.file, message.text)
            else:
                report.messages.append(message)
    return True


def _messages(line: bytes, root: Path) -> Iterator[RuffMessage]:
    try:
        entry: dict[str, Any] = json.loads(line)
        file = Path(entry["filename"]).relative_to(root).as_posix()
        start = int(entry["location"]["row"])
        # An end in column 1 belongs to the line before.
        end = int(entry["end_location"]["row"]) - (int(entry["end_location"]["column"]) == 1)
        yield RuffMessage(entry["code"] or "", file, start, max(start, end), entry["message"])
    except (ValueError, KeyError, TypeError):
        # A process that was killed leaves half a line; the batch is reported as unfinished.
        return
