"""The libraries that built-in agents import: copied once, with their bytecode.

A sandbox sees them read-only and could never keep compiled files, so without this every attempt
would compile them anew (15 ms for the SDK alone).
"""

import compileall
import hashlib
import os
import py_compile
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_CHUNK = 1024**2


def install_libraries(sources: Sequence[Path], root: Path) -> tuple[Path, ...]:
    """Return a compiled copy of each source folder below `root`; idempotent, and blocking.

    Copies are named by their content, and those of earlier contents are removed.
    """
    copies = tuple(_installed(source, root) for source in sources)
    for entry in root.iterdir():
        if entry not in copies:
            shutil.rmtree(entry, ignore_errors=True)
    return copies


def _installed(source: Path, root: Path) -> Path:
    files = sorted(
        path
        for path in source.rglob("*.py")
        if "tests" not in path.relative_to(source).parts and path.is_file()
    )
    target = root / f"{source.name}-{_digest(source, files)}"
    if target.is_dir():
        return target
    root.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=root))
    for path in files:
        copy = temporary / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    # Compiled for the place where it will lie, so that tracebacks name real files.
    compileall.compile_dir(
        temporary,
        ddir=str(target),
        quiet=2,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    for folder, _, names in os.walk(temporary):
        Path(folder).chmod(0o755)
        for name in names:
            (Path(folder) / name).chmod(0o644)
    with suppress(OSError):  # another process was first
        temporary.rename(target)
    return target


def _digest(source: Path, files: Sequence[Path]) -> str:
    found = hashlib.sha256()
    for path in files:
        found.update(f"{path.relative_to(source)}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
    return found.hexdigest()[:16]
