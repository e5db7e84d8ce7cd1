"""What a folder becomes as it is added: a name of its own, or what it was when it was removed."""

import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.models import Project
from commandcenter.projects import repository
from commandcenter.projects.errors import ProjectNameTakenError
from commandcenter.projects.naming import name_from_folder, unique_name


@dataclass(frozen=True, slots=True)
class KeptProject:
    """A project that was removed, and of which something was kept."""

    id: str
    name: str


# Finds what was kept for a folder, of that name or the last; within the given transaction.
FindKept = Callable[[AsyncSession, str, str | None], Awaitable[KeptProject | None]]
TakeUp = Callable[[AsyncSession, Project], Awaitable[None]]


async def kept_for(
    session: AsyncSession, find_kept: FindKept | None, folder: Path, name: str | None
) -> tuple[KeptProject | None, list[str]]:
    """Return what is taken up again for the folder, and what is to be said of it.

    Under another name it is not: the data was written under the name it had.
    """
    if find_kept is None:
        return None, []
    kept = await find_kept(session, str(folder), name)
    if kept is not None and await repository.find(session, kept.name) is None:
        return kept, ["What its services kept when it was removed is taken up again."]
    kept = kept or await find_kept(session, str(folder), None)
    if kept is None:
        return None, []
    return None, [
        f"Data is kept of {kept.name}, which this folder was before. It is not taken up under "
        f"another name: to have it, remove this project and add the folder with --name {kept.name}."
    ]


async def free_name(
    session: AsyncSession, folder: Path, name: str | None, *, fork_of: str | None = None
) -> str:
    """Return the name, or one made for the folder.

    Raises `ProjectNameTakenError` with the command that takes a free one: the addition of the
    folder, or the fork of that project.
    """
    if name is None:
        wanted = name_from_folder(folder.name)
        # Shortening for a suffix keeps at least this much of the name.
        taken = await repository.names_like(session, wanted[:40])
        return unique_name(wanted, taken.__contains__)
    owner = await repository.find(session, name)
    if owner is not None:
        taken = await repository.names_like(session, name[:40])
        adding = f"add {shlex.quote(str(folder))} --name"
        command = adding if fork_of is None else f"fork {fork_of} --as"
        raise ProjectNameTakenError(
            f"The name {name!r} belongs to the project in {owner.path}.",
            hint="With another one that is free: "
            f"commandcenter project {command} {unique_name(name, taken.__contains__)}",
        )
    return name
