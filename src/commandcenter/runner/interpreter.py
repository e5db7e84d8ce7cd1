"""What must be visible inside for the hub's own Python, and its packages, to run there."""

import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Interpreter:
    executable: str
    trees: tuple[str, ...]  # real directories, mounted read-only where they are
    links: tuple[tuple[str, str], ...]  # (path, target) of directories that are symbolic links


@functools.cache
def own_interpreter() -> Interpreter:
    """The running interpreter: its environment and the installation under it, nothing else."""
    prefixes = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix]
    real_python = Path(os.path.realpath(sys.executable))
    prefixes.append(str(real_python.parent.parent))
    trees: list[str] = []
    links: list[tuple[str, str]] = []
    for prefix in dict.fromkeys(prefixes):
        real = os.path.realpath(prefix)
        if _under("/usr", real):
            continue
        if real != os.path.abspath(prefix):  # noqa: PTH100 - the link itself is wanted
            links.append((os.path.abspath(prefix), real))  # noqa: PTH100
        trees.append(real)
    outermost = tuple(
        tree
        for tree in dict.fromkeys(trees)
        if not any(other != tree and _under(other, tree) for other in trees)
    )
    return Interpreter(sys.executable, outermost, tuple(dict.fromkeys(links)))


def _under(parent: str, path: str) -> bool:
    return path == parent or path.startswith(parent.rstrip("/") + "/")
