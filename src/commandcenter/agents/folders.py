"""Registering whole folders of agents at the start of the hub: built in, and the operator's."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from commandcenter.agents.manifest_file import MANIFEST_NAME
from commandcenter.agents.service import AgentService, Registered
from commandcenter.auth.identity import SYSTEM
from commandcenter.kit.errors import ProblemError


@dataclass(frozen=True, slots=True)
class FolderOutcome:
    """What became of one folder; exactly one of `registered` and `problem` is set."""

    folder: Path
    registered: Registered | None = None
    problem: ProblemError | None = None


async def register_folders(service: AgentService, roots: Sequence[Path]) -> list[FolderOutcome]:
    """Register each folder directly below a root, or the root itself, that has an `agent.yaml`.

    A broken agent is reported and keeps none of the others from being registered. An agent that
    was retired stays retired until somebody registers it by name.
    """
    await service.sweep()
    outcomes = []
    for folder in await asyncio.to_thread(_agent_folders, roots):
        try:
            registered = await service.register_at_start(SYSTEM, folder)
            outcomes.append(FolderOutcome(folder, registered=registered))
        except ProblemError as problem:
            outcomes.append(FolderOutcome(folder, problem=problem))
    return outcomes


def _agent_folders(roots: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for root in roots:
        candidates = [root, *sorted(root.iterdir())] if root.is_dir() else []
        found.extend(folder for folder in candidates if (folder / MANIFEST_NAME).is_file())
    return list(dict.fromkeys(found))
