"""Listing folders for the picker: names only, nothing hidden, and never outside the roots."""

import os
from dataclasses import dataclass
from pathlib import Path

from commandcenter.projects.errors import FolderNotFoundError

MAX_FOLDERS = 1000


@dataclass(frozen=True, slots=True)
class Folder:
    name: str
    path: Path
    is_repository: bool


@dataclass(frozen=True, slots=True)
class FolderListing:
    path: Path | None  # None: the list of roots
    parent: Path | None  # None: at a root
    folders: tuple[Folder, ...]
    truncated: bool


def list_roots(roots: tuple[Path, ...]) -> FolderListing:
    """Return the roots that exist, as where picking begins."""
    found = tuple(_folder(str(root), root) for root in roots if root.is_dir())
    return FolderListing(path=None, parent=None, folders=found, truncated=False)


def list_folder(path: Path, roots: tuple[Path, ...]) -> FolderListing:
    """Return the sub-folders by name. `path` must have passed `AllowedRoots.check`."""
    names: list[str] = []
    truncated = False
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                # A link could lead out of the roots, so links are not offered.
                if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
                    continue
                if len(names) == MAX_FOLDERS:
                    truncated = True
                    break
                names.append(entry.name)
    except OSError as error:
        raise FolderNotFoundError(f"{path} cannot be listed: {error.strerror}.") from error
    parent = path.parent if any(path.parent.is_relative_to(root) for root in roots) else None
    folders = tuple(_folder(name, path / name) for name in sorted(names))
    return FolderListing(path=path, parent=parent, folders=folders, truncated=truncated)


def _folder(name: str, path: Path) -> Folder:
    return Folder(name=name, path=path, is_repository=os.path.lexists(path / ".git"))
