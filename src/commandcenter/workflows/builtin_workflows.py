"""The workflows that come with the product, stored like any other at the start of the hub."""

from dataclasses import dataclass
from importlib.resources import files

from commandcenter.auth.identity import SYSTEM
from commandcenter.kit.errors import ProblemError
from commandcenter.workflows.service import Created, WorkflowService


@dataclass(frozen=True, slots=True)
class BuiltinOutcome:
    """What became of one file; exactly one of `created` and `problem` is set."""

    file_name: str
    created: Created | None = None
    problem: ProblemError | None = None


def builtin_sources() -> dict[str, str]:
    """Return the text of each built-in definition by file name."""
    folder = files("commandcenter.workflows") / "builtin"
    return {
        entry.name: entry.read_text()
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


async def register_builtin_workflows(service: WorkflowService) -> list[BuiltinOutcome]:
    """Store those that are new or changed. To be called once the built-in agents are registered.

    One that does not fit the registry is reported and keeps none of the others from being stored;
    one that was retired stays retired.
    """
    outcomes = []
    for name, source in builtin_sources().items():
        try:
            created = await service.create(SYSTEM, source, revive=False)
            outcomes.append(BuiltinOutcome(name, created=created))
        except ProblemError as problem:
            outcomes.append(BuiltinOutcome(name, problem=problem))
    return outcomes
